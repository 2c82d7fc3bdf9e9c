/* Ends the User-mode Linux machine: its init (pid 1) has nothing else that may. */
#include <sys/reboot.h>
#include <unistd.h>

int main(void) { sync(); return reboot(RB_POWER_OFF); }
