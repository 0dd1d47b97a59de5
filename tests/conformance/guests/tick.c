/* A line each second, with a NUL behind it; what write returned goes to standard error. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (;;) {
        fprintf(stderr, "ret=%d\n", (int)write(1, "Tick!\n", 7));
        sleep(1);
    }
}
