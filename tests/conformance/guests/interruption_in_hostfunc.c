/* Ended while it is in a function of the embedder. */
#include <stdio.h>
__attribute__((import_module("test"), import_name("long_sleep"))) extern void long_sleep(void);

int main(void)
{
    printf("in\n");
    long_sleep();
    printf("out\n");
    return 0;
}
