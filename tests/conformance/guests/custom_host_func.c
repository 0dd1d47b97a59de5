/* A function that the embedder adds. */
#include <stdio.h>
__attribute__((import_module("host_func_test"), import_name("plus_i32"))) extern int plus_i32(int, int);

int main(void)
{
    int sum = plus_i32(40, 2);

    printf("%d\n", sum);
    return sum == 42 ? 0 : 1;
}
