/* Signals of guests: the host keeps what comes (docs/reference/wasm-interface.md, wasm_bpf_take_signal), and handlers are called where
 * the program waits: in sleep(), poll() and the polls of buffers, which say EINTR then. Only programs that set a handler take part. */
#ifndef EUNOMIA_SIGNAL_H
#define EUNOMIA_SIGNAL_H
#pragma GCC system_header
#include <errno.h>
#include <eunomia/abi.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGSTKFLT 16
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGPOLL SIGIO
#define SIGPWR 30
#define SIGSYS 31
#define NSIG 65
#define _NSIG NSIG
#define SIGRTMIN 34
#define SIGRTMAX 64

typedef int sig_atomic_t;
typedef void (*sighandler_t)(int);
typedef sighandler_t __sighandler_t;
typedef unsigned char sigset_t;
#define __DEFINED_sigset_t
typedef struct {
	int si_signo, si_errno, si_code, si_pid, si_uid, si_status;
	void *si_addr;
} siginfo_t;
struct sigaction {
	union {
		sighandler_t sa_handler;
		void (*sa_sigaction)(int, siginfo_t *, void *);
	};
	sigset_t sa_mask;
	int sa_flags;
	void (*sa_restorer)(void);
};
#define SIG_DFL ((sighandler_t)0)
#define SIG_IGN ((sighandler_t)1)
#define SIG_ERR ((sighandler_t)-1)
#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO 4
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

EU_VAR struct sigaction eunomia_actions[NSIG];

/* Call the handlers of what came; a signal without one ends the program, as its default does. */
EU_API void eunomia_deliver(void)
{
	int number;

	while ((number = wasm_bpf_take_signal()) > 0 && number < NSIG) {
		struct sigaction action = eunomia_actions[number];
		siginfo_t info = {};

		if (action.sa_handler == SIG_IGN)
			continue;
		if (action.sa_handler == SIG_DFL)
			_Exit(number == SIGINT || number == SIGTERM ? 0 : 128 + number);
		if (action.sa_flags & (int)SA_RESETHAND)
			eunomia_actions[number].sa_handler = SIG_DFL;
		info.si_signo = number;
		if (action.sa_flags & SA_SIGINFO)
			action.sa_sigaction(number, &info, NULL);
		else
			action.sa_handler(number);
	}
}

EU_API int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
	if (number < 1 || number >= NSIG || (action && (number == SIGKILL || number == SIGSTOP))) {
		errno = EINVAL;
		return -1;
	}
	if (before)
		*before = eunomia_actions[number];
	if (action) {
		eunomia_actions[number] = *action;
		eu_signal_hook = eunomia_deliver;
	}
	return 0;
}

EU_API sighandler_t signal(int number, sighandler_t handler)
{
	struct sigaction action = {}, before;

	action.sa_handler = handler;
	return sigaction(number, &action, &before) ? SIG_ERR : before.sa_handler;
}

EU_API int raise(int number)
{
	struct sigaction action = eunomia_actions[number > 0 && number < NSIG ? number : 0];

	if (action.sa_handler == SIG_DFL)
		_Exit(128 + number);
	if (action.sa_handler != SIG_IGN)
		action.sa_handler(number);
	return 0;
}

static inline int kill(pid_t pid, int number)
{
	(void)pid, (void)number;
	errno = EPERM;
	return -1;
}

static inline int sigemptyset(sigset_t *set)
{
	*set = 0;
	return 0;
}

static inline int sigfillset(sigset_t *set)
{
	*set = 1;
	return 0;
}

/* Signals come where the program waits only, so that there is nothing to block. */
static inline int sigaddset(sigset_t *set, int number)
{
	(void)number;
	*set = 1;
	return 0;
}

static inline int sigdelset(sigset_t *set, int number)
{
	(void)set, (void)number;
	return 0;
}

static inline int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
	(void)how, (void)set;
	if (before)
		*before = 0;
	return 0;
}

static inline int siginterrupt(int number, int flag)
{
	(void)number, (void)flag;
	return 0;
}

EU_API char *strsignal(int number)
{
	static const char *const names[] = {"Unknown signal", "Hangup", "Interrupt", "Quit", "Illegal instruction", "Trace/breakpoint trap",
					    "Aborted", "Bus error", "Floating point exception", "Killed", "User defined signal 1",
					    "Segmentation fault", "User defined signal 2", "Broken pipe", "Alarm clock", "Terminated",
					    "Stack fault", "Child exited", "Continued", "Stopped (signal)", "Stopped", "Stopped (tty input)",
					    "Stopped (tty output)", "Urgent I/O condition", "CPU time limit exceeded",
					    "File size limit exceeded", "Virtual timer expired", "Profiling timer expired", "Window changed",
					    "I/O possible", "Power failure", "Bad system call"};

	return (char *)names[number > 0 && number < (int)(sizeof(names) / sizeof(*names)) ? number : 0];
}

#include <eunomia/sleep.h>
#endif
