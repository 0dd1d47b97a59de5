/* No guest: the process in which one puts its uprobes. */
__attribute__((noinline)) int probed(int number)
{
    __asm__ volatile("" ::: "memory");
    return number + 1;
}

int main(void) { return probed(probed(probed(-3))); }
