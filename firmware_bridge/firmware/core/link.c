#include "link.h"

void fe_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void fe_put32(uint8_t *at, uint32_t value)
{
    fe_put16(at, (uint16_t)value);
    fe_put16(at + 2, (uint16_t)(value >> 16));
}

void fe_put64(uint8_t *at, uint64_t value)
{
    fe_put32(at, (uint32_t)value);
    fe_put32(at + 4, (uint32_t)(value >> 32));
}

uint16_t fe_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (uint16_t)(at[1] << 8));
}

uint32_t fe_get32(const uint8_t *at)
{
    return fe_get16(at) | ((uint32_t)fe_get16(at + 2) << 16);
}

uint64_t fe_get64(const uint8_t *at)
{
    return fe_get32(at) | ((uint64_t)fe_get32(at + 4) << 32);
}

uint32_t fe_crc32(const uint8_t *octets, size_t count)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < count; i++) {
        crc ^= octets[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

size_t fe_cobs_encode(const uint8_t *in, size_t count, uint8_t *out)
{
    size_t code_at = 0, to = 1;
    uint8_t code = 1;
    for (size_t i = 0; i < count; i++) {
        if (in[i] != 0) {
            out[to++] = in[i];
            code++;
        }
        if (in[i] == 0 || code == 0xFF) {
            out[code_at] = code;
            code_at = to++;
            code = 1;
        }
    }
    out[code_at] = code;
    return to;
}

size_t fe_cobs_decode(const uint8_t *in, size_t count, uint8_t *out, size_t room)
{
    size_t from = 0, to = 0;
    while (from < count) {
        uint8_t code = in[from++];
        if (code == 0 || from + code - 1u > count) {
            return 0;
        }
        for (uint8_t i = 1; i < code; i++) {
            if (in[from] == 0 || to >= room) {
                return 0;
            }
            out[to++] = in[from++];
        }
        if (code != 0xFF && from < count) {
            if (to >= room) {
                return 0;
            }
            out[to++] = 0;
        }
    }
    return to;
}

size_t fe_frame_encode(const fe_frame *frame, uint8_t *wire)
{
    uint8_t raw[FE_RAW_MAX];
    size_t count = FE_HEADER + frame->len;
    raw[0] = frame->type;
    raw[1] = frame->version;
    fe_put16(raw + 2, frame->seq);
    fe_put32(raw + 4, frame->session);
    for (size_t i = 0; i < frame->len; i++) {
        raw[FE_HEADER + i] = frame->payload[i];
    }
    fe_put32(raw + count, fe_crc32(raw, count));
    size_t length = fe_cobs_encode(raw, count + FE_CRC, wire);
    wire[length++] = 0;
    return length;
}

static bool decode(fe_receiver *receiver, fe_frame *frame)
{
    uint8_t raw[FE_RAW_MAX];
    size_t count = fe_cobs_decode(receiver->octets, receiver->count, raw, sizeof raw);
    if (count < FE_HEADER + FE_CRC) {
        return false;
    }
    count -= FE_CRC;
    if (fe_crc32(raw, count) != fe_get32(raw + count)) {
        return false;
    }
    frame->type = raw[0];
    frame->version = raw[1];
    frame->seq = fe_get16(raw + 2);
    frame->session = fe_get32(raw + 4);
    frame->len = (uint8_t)(count - FE_HEADER);
    for (size_t i = 0; i < frame->len; i++) {
        frame->payload[i] = raw[FE_HEADER + i];
    }
    return true;
}

bool fe_receive(fe_receiver *receiver, uint8_t octet, fe_frame *frame)
{
    bool good = false;
    if (octet != 0) {
        if (receiver->count < sizeof receiver->octets) {
            receiver->octets[receiver->count++] = octet;
        } else {
            receiver->too_long = true;
        }
        return false;
    }
    if (receiver->too_long) {
        receiver->overruns++;
    } else if (receiver->count > 0) {
        good = decode(receiver, frame);
        if (!good) {
            receiver->bad_frames++;
        }
    }
    receiver->count = 0;
    receiver->too_long = false;
    return good;
}
