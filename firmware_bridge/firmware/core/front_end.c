#include "front_end.h"

#include "hw.h"

#define OCTETS_PER_STEP 64u
#define NAME_MAX 16u

static void relays(fe_state *state, uint8_t mask)
{
    for (uint8_t output = 0; output < state->config.outputs; output++) {
        hw_relay(output, (mask >> output) & 1u);
    }
    state->energised = mask;
}

static void drop(fe_state *state)
{
    relays(state, 0);
    state->lease_until_us = 0;
}

void fe_init(fe_state *state, const fe_config *config, uint32_t boot)
{
    uint8_t *octets = (uint8_t *)state;
    for (size_t i = 0; i < sizeof *state; i++) {
        octets[i] = 0;
    }
    state->config = *config;
    state->boot = boot;
    drop(state);
}

static bool queue(fe_state *state, const fe_frame *frame, uint16_t reserve)
{
    uint8_t wire[FE_WIRE_MAX];
    size_t count = fe_frame_encode(frame, wire);
    if (state->queue_count + count + reserve > FE_QUEUE) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        state->queue[(state->queue_from + state->queue_count++) % FE_QUEUE] = wire[i];
    }
    return true;
}

static bool send(fe_state *state, fe_frame *frame, uint8_t type, uint8_t len, uint16_t reserve)
{
    frame->type = type;
    frame->version = FE_VERSION;
    frame->seq = state->seq;
    frame->session = state->session;
    frame->len = len;
    state->seq++; /* a frame that found no room leaves a gap, which the host counts */
    return queue(state, frame, reserve);
}

static void refuse(fe_state *state, uint8_t type, uint8_t why)
{
    fe_frame frame;
    frame.payload[0] = type;
    frame.payload[1] = why;
    (void)send(state, &frame, FE_REFUSED, 2, 0);
}

static uint8_t contacts(const fe_state *state)
{
    uint8_t mask = 0;
    for (uint8_t output = 0; output < state->config.outputs; output++) {
        mask |= (uint8_t)(hw_relay_contact(output) ? 1u << output : 0u);
    }
    return mask;
}

static void send_status(fe_state *state, uint64_t now_us)
{
    fe_frame frame;
    uint8_t *p = frame.payload;
    uint64_t left_us = state->lease_until_us > now_us ? state->lease_until_us - now_us : 0;
    fe_put64(p, now_us);
    fe_put16(p + 8, state->lease_seq);
    p[10] = state->energised;
    p[11] = contacts(state);
    p[12] = hw_inputs();
    fe_put16(p + 13, (uint16_t)(left_us / 1000u));
    fe_put32(p + 15, state->receiver.bad_frames);
    fe_put32(p + 19, state->receiver.overruns);
    fe_put32(p + 23, state->samples_dropped);
    fe_put32(p + 27, state->leases_expired);
    fe_put32(p + 31, state->leases_refused);
    (void)send(state, &frame, FE_STATUS, 35, 0);
    state->status_us = now_us;
}

static void hello(fe_state *state, const fe_frame *frame, uint64_t now_us)
{
    if (frame->len != 6) {
        refuse(state, FE_HELLO, FE_WHY_FORM);
        return;
    }
    if (FE_VERSION < frame->payload[0] || FE_VERSION > frame->payload[1]) {
        refuse(state, FE_HELLO, FE_WHY_VERSION);
        return;
    }
    uint8_t mix[16];
    fe_put64(mix, now_us);
    fe_put32(mix + 8, fe_get32(frame->payload + 2));
    fe_put32(mix + 12, state->boot);
    drop(state);
    state->session = fe_crc32(mix, sizeof mix) | 1u;
    state->streaming = false;
    state->leased = false;
    state->lease_seq = 0;
    state->batch_count = 0;
    fe_frame answer;
    uint8_t *p = answer.payload;
    const fe_config *config = &state->config;
    fe_put32(p, fe_get32(frame->payload + 2));
    p[4] = config->adc->kind;
    p[5] = config->cells;
    p[6] = config->adc->gain;
    p[7] = config->outputs;
    fe_put32(p + 8, config->adc->rate_mhz);
    fe_put32(p + 12, (uint32_t)FE_FULL_SCALE);
    fe_put16(p + 16, FE_LEASE_US_MAX / 1000u);
    fe_put32(p + 18, config->build);
    bool ended = false;
    for (unsigned i = 0; i < NAME_MAX; i++) {
        ended = ended || config->name[i] == 0;
        p[22 + i] = ended ? 0 : (uint8_t)config->name[i];
    }
    (void)send(state, &answer, FE_WELCOME, 22 + NAME_MAX, 0);
}

/* The lease ends at a time of our own clock: one that lay in a buffer is late, not long. */
static void lease(fe_state *state, const fe_frame *frame, uint64_t now_us)
{
    uint8_t why = 0;
    const uint8_t *p = frame->payload;
    uint16_t seq = frame->len == 11 ? fe_get16(p) : 0;
    uint64_t until_us = frame->len == 11 ? fe_get64(p + 3) : 0;
    if (frame->len != 11) {
        why = FE_WHY_FORM;
    } else if (state->config.outputs < 8 && (p[2] >> state->config.outputs) != 0) {
        why = FE_WHY_OUTPUT;
    } else if (state->leased && (uint16_t)(seq - state->lease_seq - 1u) >= 0x8000u) {
        why = FE_WHY_LATE;
    } else if (p[2] != 0 && until_us <= now_us) {
        why = FE_WHY_LATE;
    } else if (p[2] != 0 && until_us - now_us > FE_LEASE_US_MAX) {
        why = FE_WHY_TOO_LONG;
    }
    if (why != 0) {
        state->leases_refused++;
        refuse(state, FE_LEASE, why);
        return;
    }
    bool changed = p[2] != state->energised;
    state->leased = true;
    state->lease_seq = seq;
    state->lease_until_us = p[2] != 0 ? until_us : 0;
    relays(state, p[2]);
    if (changed) {
        send_status(state, now_us);
    }
}

static void handle(fe_state *state, const fe_frame *frame, uint64_t now_us)
{
    if (frame->type == FE_HELLO) {
        state->heard_us = now_us;
        hello(state, frame, now_us);
        return;
    }
    if (frame->version != FE_VERSION || state->session == 0 || frame->session != state->session) {
        refuse(state, frame->type, FE_WHY_SESSION);
        return;
    }
    state->heard_us = now_us;
    if (frame->type == FE_PING && frame->len == 4) {
        fe_frame answer;
        for (unsigned i = 0; i < 4; i++) {
            answer.payload[i] = frame->payload[i];
        }
        fe_put64(answer.payload + 4, now_us);
        (void)send(state, &answer, FE_PONG, 12, 0);
    } else if (frame->type == FE_STREAM && frame->len == 1) {
        state->streaming = frame->payload[0] != 0;
    } else if (frame->type == FE_LEASE) {
        lease(state, frame, now_us);
    } else if (frame->type == FE_BOOTLOADER) {
        refuse(state, frame->type, state->energised ? FE_WHY_RELAYS_ON : FE_WHY_NOT_HERE);
    } else {
        refuse(state, frame->type, FE_WHY_FORM);
    }
}

static void flush(fe_state *state)
{
    fe_frame frame;
    uint8_t *p = frame.payload;
    uint64_t base_us = state->batch[0].at_us;
    fe_put64(p, base_us);
    p[8] = state->batch_count;
    for (uint8_t i = 0; i < state->batch_count; i++) {
        const fe_sample *sample = &state->batch[i];
        uint8_t *q = p + 9 + i * FE_SAMPLE_OCTETS;
        fe_put16(q, (uint16_t)(sample->at_us - base_us));
        q[2] = sample->cell;
        q[3] = sample->flags;
        q[4] = (uint8_t)sample->counts;
        q[5] = (uint8_t)(sample->counts >> 8);
        q[6] = (uint8_t)(sample->counts >> 16);
    }
    uint8_t len = (uint8_t)(9u + state->batch_count * FE_SAMPLE_OCTETS);
    if (!send(state, &frame, FE_SAMPLES, len, FE_QUEUE_RESERVE)) {
        state->samples_dropped += state->batch_count;
    }
    state->batch_count = 0;
}

static void sample(fe_state *state)
{
    for (uint8_t cell = 0; cell < state->config.cells; cell++) {
        fe_sample one;
        if (!state->config.adc->read(state->config.adc, cell, &one) || !state->streaming) {
            continue;
        }
        state->batch[state->batch_count++] = one;
        if (state->batch_count == FE_BATCH_MAX) {
            flush(state);
        }
    }
    if (state->batch_count == 0) {
        return;
    }
    bool full = state->batch_count >= state->config.cells;
    if (full || hw_now_us() - state->batch[0].at_us > FE_BATCH_US_MAX) {
        flush(state);
    }
}

void fe_step(fe_state *state)
{
    fe_frame frame;
    uint8_t octet;
    for (unsigned i = 0; i < OCTETS_PER_STEP && hw_uart_read(&octet); i++) {
        if (fe_receive(&state->receiver, octet, &frame)) {
            handle(state, &frame, hw_now_us());
        }
    }
    uint64_t now_us = hw_now_us();
    if (state->energised && now_us >= state->lease_until_us) {
        drop(state);
        state->leases_expired++;
        send_status(state, now_us);
    }
    if (state->session != 0 && now_us - state->heard_us > FE_HOST_SILENT_US_MAX) {
        drop(state);
        state->session = 0;
        state->streaming = false;
    }
    sample(state);
    if (state->session != 0 && now_us - state->status_us >= FE_STATUS_US) {
        send_status(state, now_us);
    }
    while (state->queue_count > 0 && hw_uart_write(state->queue[state->queue_from])) {
        state->queue_from = (uint16_t)((state->queue_from + 1u) % FE_QUEUE);
        state->queue_count--;
    }
    hw_watchdog_kick();
}
