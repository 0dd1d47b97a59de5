/* Sleeps 10 seconds. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    printf("sleep\n");
    sleep(10);
    printf("woke\n");
    return 0;
}
