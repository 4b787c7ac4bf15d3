#include "cli/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

atomic_bool sofa_stop;
atomic_int sofa_stop_signal;

static void on_signal(int signal_number)
{
    atomic_store(&sofa_stop_signal, signal_number);
    atomic_store(&sofa_stop, true);
}

/* A second signal of the kind ends the program at once, as if nothing had been installed. */
void sofa_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}
