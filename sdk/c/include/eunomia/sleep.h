/* sleep() and its kin, which say when a signal ended them: wasi-libc's say that it is not supported. */
#ifndef EUNOMIA_SLEEP_H
#define EUNOMIA_SLEEP_H
#pragma GCC system_header
#include <errno.h>
#include <eunomia/abi.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>


/* Wait; 0, or -EINTR. */
EU_API int eunomia_wait(uint64_t nanoseconds)
{
	__wasi_subscription_t wanted = {};
	__wasi_event_t event = {};
	__wasi_size_t count;
	int result;

	wanted.u.tag = __WASI_EVENTTYPE_CLOCK;
	wanted.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
	wanted.u.u.clock.timeout = nanoseconds;
	result = __wasi_poll_oneoff(&wanted, &event, 1, &count);
	if (eu_signal_hook)
		eu_signal_hook();
	if (eu_sync_hook)
		eu_sync_hook();
	return result ? -eunomia_linux_errno(result) : 0;
}

EU_API uint64_t eunomia_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

EU_API int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	uint64_t end = eunomia_now() + (uint64_t)wanted->tv_sec * 1000000000 + wanted->tv_nsec, now;
	int result = eunomia_wait((uint64_t)wanted->tv_sec * 1000000000 + wanted->tv_nsec);

	if (result >= 0)
		return 0;
	now = eunomia_now();
	if (left) {
		left->tv_sec = now < end ? (end - now) / 1000000000 : 0;
		left->tv_nsec = now < end ? (end - now) % 1000000000 : 0;
	}
	errno = -result;
	return -1;
}

EU_API unsigned sleep(unsigned seconds)
{
	struct timespec wanted = {}, left = {};

	wanted.tv_sec = seconds;
	return nanosleep(&wanted, &left) ? (unsigned)left.tv_sec + (left.tv_nsec > 0) : 0;
}

EU_API int usleep(unsigned microseconds)
{
	struct timespec wanted = {};

	wanted.tv_sec = microseconds / 1000000;
	wanted.tv_nsec = microseconds % 1000000 * 1000;
	return nanosleep(&wanted, NULL);
}

EU_API int pause(void)
{
	while (eunomia_wait(3600ull * 1000000000) != -EINTR)
		;
	errno = EINTR;
	return -1;
}
#endif
