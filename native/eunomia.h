/* The C core: what loading, attaching, reading and rendering need, without Python. Thread rules: an eu_object, eu_run
 * or eu_reader belongs to one thread at a time; eu_run_stop() may be called from any. */
#ifndef EUNOMIA_H
#define EUNOMIA_H
#include <stddef.h>
#include <stdint.h>

#include "api_accounts.h"
#include "api_batch.h"
#include "api_chain.h"
#include "api_compile.h"
#include "api_events.h"
#include "api_filter.h"
#include "api_guest.h"
#include "api_life.h"
#include "api_object.h"
#include "api_privileges.h"
#include "api_probe.h"
#include "api_record.h"
#include "api_testrun.h"
#endif
