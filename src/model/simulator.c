#include "model/simulator.h"

#include <math.h>

#include "model/block.h"

#define TILES_MOST 1e8 /* about a minute */
#define DEPTH 2 /* tiles a queue holds: one being filled, one being emptied */

/* A block on its way: how many of its tiles have come how far. */
struct block {
    const struct sofa_plan *plan;
    struct sofa_plan_layer layer;
    struct sofa_plan_block work;
    double full, width, rest; /* tiles: so many of `width` keys, one of `rest` keys (0: none) */
    double whole[PIPELINE_STAGES], part[PIPELINE_STAGES], sort; /* cycles of a tile; of sorting all keys at once */
    double bytes[SOFA_TRAFFIC_COUNT];
    bool spilled;
    long count; /* tiles */
    long asked, fetched;  /* operands of DLZS */
    long predicted;       /* DLZS done */
    long stored;          /* scores out and in again, where they don't fit */
    long sorted;
    long loaded;          /* what the selection asked for */
    long generated, attended;
    bool divided;
};

/* Where the next block stands: layer, sequence of the batch, head, block. */
struct cursor {
    const struct sofa_design *design;
    const struct sofa_workload *workload;
    const struct sofa_statistics *statistics;
    struct sofa_plan plan;
    struct sofa_plan_layer settings; /* of the layer */
    int layer, head;
    double sequence, block;
    bool all; /* the group generates everything with its first head */
};

enum server { DLZS, SORT, GENERATION, SUFA, DIVISION, SERVERS };
/* Transfers.  Those the block waits for are served in the order they were asked for; writes and then
 * operands of the next block fill the pauses between them, and stop for them. */
enum request { REQUEST_SELECTION, REQUEST_SCORES, REQUEST_OPERANDS, REQUEST_WRITE, REQUEST_AHEAD, REQUESTS };

struct machine {
    double now;
    bool busy[SERVERS];
    double end[SERVERS];
    bool open[REQUESTS];   /* a transfer of this kind is under way or waits */
    double left[REQUESTS]; /* its cycles still to go */
    double since[REQUESTS];
    double writes;        /* bytes waiting to be written */
    double bytes;         /* asked for */
    struct block *at, *ahead; /* `ahead` NULL after the last */
};

/* Of the group that the head at hand is in. */
static const struct sofa_selection *selection(const struct cursor *c, int group)
{
    const struct sofa_statistics *s = c->statistics;

    return &s->head[c->layer * s->heads + (s->heads > 1 ? c->head - c->head % group : 0)];
}

/* Its tiles and bytes, by the model's formulas. */
static void work_out(struct block *b, const struct sofa_plan_head *head)
{
    struct sofa_block_batch batch = {.kinds = 1, .layer = {&b->layer}, .head = {head->selection}, .block = {&b->work}};
    const struct sofa_block_kernel *kernel;
    struct sofa_block_detail detail;

    sofa_block_kernel_find(NULL, &kernel, NULL);
    kernel->run(b->plan, &batch, 1, NULL, &detail);
    b->full = detail.full[0];
    b->width = detail.width[0];
    b->rest = detail.rest[0];
    for (int i = 0; i < PIPELINE_STAGES; i++) {
        b->whole[i] = detail.whole[i][0];
        b->part[i] = detail.part[i][0];
    }
    b->sort = detail.sort[0];
    for (int i = 0; i < SOFA_TRAFFIC_COUNT; i++)
        b->bytes[i] = detail.bytes[i][0];
}

static bool next_block(struct cursor *c, struct block *b)
{
    int group = c->workload->heads / c->workload->kv_heads;
    struct sofa_plan_head head;

    if (c->layer == c->workload->layers)
        return false;
    if (c->head == 0 && c->block < 0.5)
        sofa_plan_layer_init(&c->settings, &c->plan, c->design, c->statistics, c->layer);
    if (c->head % group == 0 && c->block < 0.5)
        c->all = sofa_plan_generates_all(&c->plan, &c->settings, selection(c, group), c->statistics->heads > 1, group);
    *b = (struct block){.plan = &c->plan, .layer = c->settings};
    sofa_plan_head_init(&head, &c->plan, &b->layer, selection(c, group), c->statistics->heads > 1, c->head % group, c->all);
    sofa_plan_block_init(&b->work, &c->plan, &b->layer, &head, c->block);
    work_out(b, &head);
    b->count = (long)b->full + (b->rest > 0);
    b->spilled = b->bytes[SOFA_TRAFFIC_SCORES] > 0;
    if (++c->block < c->plan.blocks)
        return true;
    c->block = 0;
    if (++c->head < c->workload->heads)
        return true;
    c->head = 0;
    if (++c->sequence < c->workload->batch)
        return true;
    c->sequence = 0;
    c->layer++;
    return true;
}

/* Cycles of tile i in a stage. */
static double cycles_of(const struct block *b, long i, int stage)
{
    return (i < (long)b->full ? b->whole : b->part)[stage];
}

/* Tile i's part of what the block's keys share evenly. */
static double share(const struct block *b, long i)
{
    return (i < (long)b->full ? b->width : b->rest) / b->work.keys;
}

static double operand_bytes(const struct block *b, long i)
{
    double khat_written = b->plan->recompute ? 0 : b->work.khat_keys * b->layer.khat_bytes;
    double even = b->bytes[SOFA_TRAFFIC_X] + b->bytes[SOFA_TRAFFIC_WEIGHTS] + b->bytes[SOFA_TRAFFIC_KHAT] - khat_written;

    return share(b, i) * even + (i == 0 ? b->bytes[SOFA_TRAFFIC_QUERIES] : 0);
}

static double selection_bytes(const struct block *b, long i)
{
    return share(b, i) * (b->bytes[SOFA_TRAFFIC_KV] + b->bytes[SOFA_TRAFFIC_GENERATION_X] +
                          b->bytes[SOFA_TRAFFIC_GENERATION_WEIGHTS] + b->bytes[SOFA_TRAFFIC_ATTENTION]);
}

static void start(struct machine *m, enum server s, double cycles)
{
    m->busy[s] = true;
    m->end[s] = ceil(m->now) + cycles;
}

static void ask(struct machine *m, enum request request, double bytes)
{
    m->open[request] = true;
    m->since[request] = request < REQUEST_WRITE ? m->now : INFINITY;
    m->left[request] = bytes * m->at->plan->cycles_per_byte;
    m->bytes += bytes;
}

/* One transfer of a kind at a time, as far as its buffer has room. */
static void ask_dram(struct machine *m)
{
    struct block *b = m->at, *next = m->ahead;
    bool serial = b->plan->serial;

    if (!m->open[REQUEST_SELECTION] && b->loaded < b->count && b->sorted > b->loaded &&
        (serial ? b->sorted == b->count : b->loaded - b->generated < DEPTH))
        ask(m, REQUEST_SELECTION, selection_bytes(b, b->loaded));
    if (!m->open[REQUEST_OPERANDS] && b->asked < b->count && b->asked - b->predicted < DEPTH)
        ask(m, REQUEST_OPERANDS, operand_bytes(b, b->asked++));
    if (!m->open[REQUEST_SCORES] && b->spilled && b->stored < b->predicted)
        ask(m, REQUEST_SCORES, share(b, b->stored) * b->bytes[SOFA_TRAFFIC_SCORES]);
    if (!m->open[REQUEST_WRITE] && m->writes > 0) {
        ask(m, REQUEST_WRITE, m->writes);
        m->writes = 0;
    }
    if (!m->open[REQUEST_AHEAD] && b->fetched == b->count && next && next->asked < next->count && next->asked < DEPTH)
        ask(m, REQUEST_AHEAD, operand_bytes(next, next->asked++));
}

static void start_dlzs(struct machine *m)
{
    struct block *b = m->at;
    long i = b->predicted;
    long emptied = b->spilled ? b->stored : b->plan->full_sort || b->plan->serial ? i : b->sorted;

    if (!m->busy[DLZS] && i < b->count && b->fetched > i && i - emptied < DEPTH)
        start(m, DLZS, ceil(cycles_of(b, i, STAGE_DLZS)));
}

static void start_sort(struct machine *m)
{
    struct block *b = m->at;
    long i = b->sorted, ready = b->spilled ? b->stored : b->predicted;

    if (m->busy[SORT] || i == b->count)
        return;
    if (b->plan->full_sort) {
        if (ready == b->count)
            start(m, SORT, b->sort);
    } else if (ready > i && (!b->plan->serial || (ready == b->count)) && (b->plan->serial || i - b->generated < DEPTH)) {
        start(m, SORT, cycles_of(b, i, STAGE_SORT));
    }
}

static void start_rest(struct machine *m)
{
    struct block *b = m->at;
    bool serial = b->plan->serial;
    long g = b->generated, a = b->attended;

    if (!m->busy[GENERATION] && g < b->count && b->sorted > g && b->loaded > g && (!serial || b->sorted == b->count) &&
        (serial || g - a < DEPTH))
        start(m, GENERATION, ceil(cycles_of(b, g, STAGE_GENERATION)));
    if (!m->busy[SUFA] && a < b->count && b->generated > a && (!serial || b->generated == b->count))
        start(m, SUFA, ceil(cycles_of(b, a, STAGE_SUFA)));
    if (!m->busy[DIVISION] && a == b->count && !b->divided)
        start(m, DIVISION, b->plan->d);
}

static void finish_transfer(struct machine *m, enum request request)
{
    struct block *b = m->at;

    m->open[request] = false;
    switch (request) {
    case REQUEST_SELECTION:
        b->loaded++;
        break;
    case REQUEST_SCORES:
        b->stored++;
        break;
    case REQUEST_OPERANDS:
        b->fetched++;
        break;
    case REQUEST_AHEAD:
        m->ahead->fetched++;
        break;
    default:
        break;
    }
}

static void finish(struct machine *m, enum server s)
{
    struct block *b = m->at;

    m->busy[s] = false;
    switch (s) {
    case DLZS:
        m->writes += b->plan->recompute ? 0 : share(b, b->predicted) * b->work.khat_keys * b->layer.khat_bytes;
        b->predicted++;
        break;
    case SORT:
        b->sorted = b->plan->full_sort ? b->count : b->sorted + 1;
        break;
    case GENERATION:
        m->writes += share(b, b->generated) * b->bytes[SOFA_TRAFFIC_GENERATED];
        b->generated++;
        break;
    case SUFA:
        b->attended++;
        break;
    case DIVISION:
        m->writes += b->bytes[SOFA_TRAFFIC_OUTPUTS];
        b->divided = true;
        break;
    default:
        break;
    }
}

/* What DRAM is at: the oldest, of equals the first in the list; REQUESTS for nothing. */
static int served_request(const struct machine *m)
{
    int served = REQUESTS;

    for (int i = 0; i < REQUESTS; i++)
        if (m->open[i] && (served == REQUESTS || m->since[i] < m->since[served]))
            served = i;
    return served;
}

/* The next event: false when nothing is under way. */
static bool advance(struct machine *m)
{
    double next = INFINITY;
    int served = served_request(m);

    if (served < REQUESTS)
        next = m->now + m->left[served];
    for (int s = 0; s < SERVERS; s++)
        if (m->busy[s] && m->end[s] < next)
            next = m->end[s];
    if (!(next < INFINITY))
        return false;
    if (served < REQUESTS) {
        bool done = next >= m->now + m->left[served];

        m->left[served] -= next - m->now;
        if (done)
            finish_transfer(m, (enum request)served);
    }
    m->now = next;
    for (int s = 0; s < SERVERS; s++)
        if (m->busy[s] && m->end[s] <= next)
            finish(m, (enum server)s);
    return true;
}

/* Plays the block at hand to its end; false if it gets stuck. */
static bool play(struct machine *m)
{
    while (!m->at->divided) {
        start_rest(m);
        start_sort(m);
        start_dlzs(m);
        ask_dram(m);
        if (!advance(m))
            return false;
    }
    return true;
}

static double tiles_at_most(const struct sofa_design *design, const struct sofa_workload *w)
{
    double blocks = ceil(w->queries / design->query_lanes), tiles = 0;

    for (int i = 0; i < design->layers; i++)
        tiles += design->layer[i].tiles;
    return tiles * blocks * w->heads * w->batch;
}

enum sofa_code sofa_simulate(const struct sofa_hardware *hw, const struct sofa_design *design,
                             const struct sofa_workload *workload, const struct sofa_statistics *statistics,
                             double *cycles, double *dram_bytes, struct sofa_err *err)
{
    struct cursor cursor = {.design = design, .workload = workload, .statistics = statistics};
    char reason[SOFA_REASON_MAX];
    struct block blocks[2];
    struct machine m = {.at = &blocks[0]};
    int which = 0;

    if (!sofa_plan_feasible(hw, design, workload, statistics, reason, sizeof reason))
        return sofa_fail(err, SOFA_E_EVAL, "this design cannot work: %s", reason);
    if (tiles_at_most(design, workload) > TILES_MOST)
        return sofa_fail(err, SOFA_E_EVAL, "the simulation plays tile by tile, up to %.0e of them; these would be %.2g",
                         TILES_MOST, tiles_at_most(design, workload));
    sofa_plan_init(&cursor.plan, hw, design, workload, statistics);
    next_block(&cursor, &blocks[0]);
    do {
        m.at = &blocks[which];
        m.ahead = next_block(&cursor, &blocks[!which]) ? &blocks[!which] : NULL;
        if (!play(&m))
            return sofa_fail(err, SOFA_E_EVAL, "the simulation is stuck in a block of %ld tiles", m.at->count);
        which = !which;
        if (m.open[REQUEST_AHEAD]) { /* it goes on as the next block's own */
            m.open[REQUEST_AHEAD] = false;
            m.open[REQUEST_OPERANDS] = true;
            m.left[REQUEST_OPERANDS] = m.left[REQUEST_AHEAD];
            m.since[REQUEST_OPERANDS] = m.now;
        }
    } while (m.ahead);
    while (advance(&m))
        ;
    m.bytes += m.writes;
    *cycles = m.now + m.writes / (design->dram_bytes_per_s / design->clock_hz);
    *dram_bytes = m.bytes;
    return SOFA_OK;
}
