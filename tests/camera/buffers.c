/* Stands in for the kernel's buffer allocators (/dev/udmabuf, /dev/dma_heap/...) with memory files,
 * so that libcamera and picamera2 run in a plain file tree without a kernel of their own.
 * Preloaded by the camera tests only; no picture passes through here, only the memory they lie in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const ALLOCATORS[] = {
    "/dev/udmabuf", "/dev/dma_heap/linux,cma", "/dev/dma_heap/system", "/dev/dma_heap/vidbuf_cached"};

static int stand_in(const char *path)
{
    for (size_t i = 0; i < sizeof ALLOCATORS / sizeof *ALLOCATORS; i++)
        if (path && !strcmp(path, ALLOCATORS[i]))
            return memfd_create(ALLOCATORS[i], MFD_CLOEXEC);
    return -1;
}

#define OPEN(NAME)                                                                   \
    int NAME(const char *path, int flags, ...)                                       \
    {                                                                                \
        static int (*real)(const char *, int, ...);                                  \
        int fd = stand_in(path);                                                     \
        va_list rest;                                                                \
        mode_t mode;                                                                 \
        if (fd >= 0)                                                                 \
            return fd;                                                               \
        va_start(rest, flags);                                                       \
        mode = va_arg(rest, mode_t);                                                 \
        va_end(rest);                                                                \
        if (!real)                                                                   \
            real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME);         \
        return real(path, flags, mode);                                              \
    }
OPEN(open)
OPEN(open64)

static int heap_alloc(struct dma_heap_allocation_data *request)
{
    int fd = memfd_create("dma-heap", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)request->len) < 0)
        return -1;
    request->fd = (unsigned)fd;
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    va_list rest;
    void *argument;
    va_start(rest, request);
    argument = va_arg(rest, void *);
    va_end(rest);
    if (request == UDMABUF_CREATE)
        return fcntl((int)((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
    if (request == DMA_HEAP_IOCTL_ALLOC)
        return heap_alloc(argument);
    if (_IOC_TYPE(request) == DMA_BUF_BASE)
        return 0;
    if (!real)
        real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
