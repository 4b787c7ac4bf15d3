/*
 * The one flag that SIGINT and SIGTERM set, for the commands that stop in an orderly way.
 */
#ifndef SOFA_CLI_SIGNALS_H
#define SOFA_CLI_SIGNALS_H

#include <stdatomic.h>

/* Set by the first SIGINT, SIGTERM or SIGUSR1; a second one ends the program at once. */
extern atomic_bool sofa_stop;
/* Which it was, 0 before. */
extern atomic_int sofa_stop_signal;
void sofa_catch_signals(void);

#endif
