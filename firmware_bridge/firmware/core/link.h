/* Frames of the link: COBS, CRC-32, header. See ../../PROTOCOL.md. No I/O, no clock, no heap. */
#ifndef FE_LINK_H
#define FE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FE_VERSION 1u
#define FE_HEADER 8u
#define FE_PAYLOAD_MAX 128u
#define FE_CRC 4u
#define FE_RAW_MAX (FE_HEADER + FE_PAYLOAD_MAX + FE_CRC)
#define FE_WIRE_MAX (FE_RAW_MAX + 2u) /* one COBS byte, one zero: a frame is below 254 bytes */

typedef struct {
    uint8_t type;
    uint8_t version;
    uint16_t seq;
    uint32_t session;
    uint8_t len;
    uint8_t payload[FE_PAYLOAD_MAX];
} fe_frame;

typedef struct {
    uint8_t octets[FE_WIRE_MAX];
    uint16_t count;
    bool too_long;
    uint32_t bad_frames; /* COBS or CRC wrong, or too short */
    uint32_t overruns;   /* longer than any frame */
} fe_receiver;

uint32_t fe_crc32(const uint8_t *octets, size_t count);
size_t fe_cobs_encode(const uint8_t *in, size_t count, uint8_t *out);
/* Decoded length, or 0 for bytes that COBS does not produce. */
size_t fe_cobs_decode(const uint8_t *in, size_t count, uint8_t *out, size_t room);
/* Bytes on the wire, the closing zero included; at most FE_WIRE_MAX. */
size_t fe_frame_encode(const fe_frame *frame, uint8_t *wire);
/* True when this byte completed a good frame, which is then in *frame. */
bool fe_receive(fe_receiver *receiver, uint8_t octet, fe_frame *frame);

void fe_put16(uint8_t *at, uint16_t value);
void fe_put32(uint8_t *at, uint32_t value);
void fe_put64(uint8_t *at, uint64_t value);
uint16_t fe_get16(const uint8_t *at);
uint32_t fe_get32(const uint8_t *at);
uint64_t fe_get64(const uint8_t *at);

#endif
