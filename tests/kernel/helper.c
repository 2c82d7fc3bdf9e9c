/* What process 1 of the User-mode Linux machine cannot do from a shell.
 *   helper off             ends the machine
 *   helper insmod FILE ARGS loads a kernel module (a small host has no insmod)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words)
{
    int fd;
    if (count == 2 && !strcmp(words[1], "off")) {
        sync();
        return reboot(RB_POWER_OFF);
    }
    if (count == 4 && !strcmp(words[1], "insmod")) {
        fd = open(words[2], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && !syscall(SYS_finit_module, fd, words[3], 0))
            return 0;
        perror(words[2]);
        return 1;
    }
    fprintf(stderr, "helper: off | insmod FILE ARGS\n");
    return 64;
}
