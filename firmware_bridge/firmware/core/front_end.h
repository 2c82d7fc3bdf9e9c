/* The front end: session, sample stream, leased relays. fe_step() is one pass of the main loop. */
#ifndef FE_FRONT_END_H
#define FE_FRONT_END_H

#include "adc.h"
#include "link.h"

#define FE_LEASE_US_MAX 300000u
#define FE_HOST_SILENT_US_MAX 500000u
#define FE_STATUS_US 100000u
#define FE_BATCH_US_MAX 5000u
#define FE_BATCH_MAX 16u
#define FE_SAMPLE_OCTETS 7u
#define FE_QUEUE 1024u /* octets waiting for the UART; samples are dropped first */
#define FE_QUEUE_RESERVE (2u * FE_WIRE_MAX)

enum {
    FE_HELLO = 0x01,
    FE_PING = 0x02,
    FE_STREAM = 0x03,
    FE_LEASE = 0x04,
    FE_BOOTLOADER = 0x05,
    FE_WELCOME = 0x81,
    FE_PONG = 0x82,
    FE_SAMPLES = 0x83,
    FE_STATUS = 0x84,
    FE_REFUSED = 0x85
};

enum { FE_WHY_VERSION = 1, FE_WHY_SESSION = 2, FE_WHY_LATE = 3, FE_WHY_TOO_LONG = 4,
       FE_WHY_OUTPUT = 5, FE_WHY_FORM = 6, FE_WHY_RELAYS_ON = 7, FE_WHY_NOT_HERE = 8 };

typedef struct {
    fe_adc *adc;
    uint8_t cells;
    uint8_t outputs;
    const char *name; /* up to 16 characters */
    uint32_t build;
} fe_config;

typedef struct {
    fe_config config;
    fe_receiver receiver;
    uint8_t queue[FE_QUEUE];
    uint16_t queue_from, queue_count;
    uint16_t seq;
    uint32_t session; /* 0: no host */
    uint32_t boot;    /* mixed into the session number */
    uint64_t heard_us, status_us;
    bool streaming;
    uint16_t lease_seq;
    bool leased; /* a lease of this session was taken; lease_seq then counts */
    uint8_t energised;
    uint64_t lease_until_us;
    fe_sample batch[FE_BATCH_MAX];
    uint8_t batch_count;
    uint32_t samples_dropped, leases_expired, leases_refused, resets;
} fe_state;

void fe_init(fe_state *state, const fe_config *config, uint32_t boot);
void fe_step(fe_state *state);

#endif
