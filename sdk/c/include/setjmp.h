/* WebAssembly has no way back by a jump: setjmp() is there, as what traces libc's calls it, and longjmp() ends the guest. */
#ifndef EUNOMIA_SETJMP_H
#define EUNOMIA_SETJMP_H
#pragma GCC system_header
#include <stdlib.h>
typedef int jmp_buf[1], sigjmp_buf[1];
#define setjmp(place) ((place)[0] = 0)
#define sigsetjmp(place, mask) ((place)[0] = 0)
#define longjmp(place, value) abort()
#define siglongjmp(place, value) abort()
#endif
