/* A small county receiver on libcoap 3 and OpenSSL: the interface in one file, nothing shared with
 * the terminal but the golden vectors. Usage: receiver PORT KEYFILE FOLDER
 * Build: cc -o receiver receiver.c -lcoap-3-openssl -lcrypto. Its memory is bounded by the tables below. */
#define _POSIX_C_SOURCE 200809L
#include <coap3/coap.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_MAX = 16512, PHOTO_MAX = 524288, CHUNK = 1024, AHEAD_S = 600,
       RECORDS = 4096, PHOTOS = 1024, BODIES = 64, ID_MAX = 160, DEPTH = 8 };

static const char *folder;
static char key_id[64];
static uint8_t key_raw[32];

typedef struct { char chain[ID_MAX]; uint64_t seq; uint8_t hash[32], prev[32]; time_t at; } record_t;
typedef struct { uint8_t digest[32]; size_t size; int stored; uint8_t *parts; char *have; } photo_t;
typedef struct { char name[ID_MAX * 2 + 96]; uint8_t *bytes; size_t size; } body_t;
static record_t records[RECORDS]; static size_t n_records;
static photo_t photos[PHOTOS]; static size_t n_photos;
static body_t bodies[BODIES]; static size_t next_body;

/* --- CBOR: one pass that accepts canonical encodings only -------------------------------------- */
typedef struct { const uint8_t *at, *end; int bad; } in_t;
typedef struct { int major; uint64_t n; const uint8_t *bytes; } item_t;

static int utf8(const uint8_t *s, size_t n) {
    for (size_t i = 0; i < n;) {
        int more = s[i] < 0x80 ? 0 : s[i] >= 0xC2 && s[i] < 0xE0 ? 1 : (s[i] & 0xF0) == 0xE0 ? 2
                 : s[i] >= 0xF0 && s[i] < 0xF5 ? 3 : -1;
        if (more < 0 || i + (size_t)more >= n) return 0;
        for (int k = 1; k <= more; k++) if ((s[i + k] & 0xC0) != 0x80) return 0;
        i += (size_t)more + 1;
    }
    return 1;
}

static item_t next(in_t *in) {
    item_t it = { -1, 0, NULL };
    if (in->bad || in->at >= in->end) { in->bad = 1; return it; }
    uint8_t first = *in->at++, low = first & 31;
    it.major = first >> 5; it.n = low;
    if (low > 27) { in->bad = 1; return it; }
    if (low >= 24) {
        int width = 1 << (low - 24);
        if (in->end - in->at < width) { in->bad = 1; return it; }
        it.n = 0;
        for (int i = 0; i < width; i++) it.n = it.n << 8 | *in->at++;
        uint64_t least = width == 1 ? 24 : width == 2 ? 256 : width == 4 ? 65536 : 4294967296ULL;
        if (it.n < least) in->bad = 1; /* shorter would have done: not canonical */
    }
    if (it.major == 2 || it.major == 3) {
        if ((uint64_t)(in->end - in->at) < it.n) { in->bad = 1; return it; }
        it.bytes = in->at; in->at += it.n;
        if (it.major == 3 && !utf8(it.bytes, it.n)) in->bad = 1;
    }
    if (it.major == 7 && low != 20 && low != 21) in->bad = 1;
    return it;
}

static void skip(in_t *in, int depth);

/* A map in canonical order, each pair handed to `take` (which may be NULL). */
typedef void taker(in_t *key, in_t *value, void *to);
static void map(in_t *in, uint64_t pairs, int depth, taker *take, void *to) {
    const uint8_t *last = NULL; size_t last_size = 0;
    for (uint64_t i = 0; i < pairs && !in->bad; i++) {
        const uint8_t *key = in->at; skip(in, depth + 1);
        size_t size = (size_t)(in->at - key);
        if (last != NULL) { /* bytewise order; equal is a key that stands twice */
            size_t least = size < last_size ? size : last_size;
            int order = memcmp(last, key, least);
            if (order > 0 || (order == 0 && last_size >= size)) in->bad = 1;
        }
        last = key; last_size = size;
        const uint8_t *value = in->at; skip(in, depth + 1);
        if (take != NULL && !in->bad) {
            in_t k = { key, key + size, 0 }, v = { value, in->at, 0 };
            take(&k, &v, to);
        }
    }
}

static void skip(in_t *in, int depth) {
    item_t it = next(in);
    if (depth > DEPTH) in->bad = 1;
    if (it.major == 4) for (uint64_t i = 0; i < it.n && !in->bad; i++) skip(in, depth + 1);
    if (it.major == 5) map(in, it.n, depth, NULL, NULL);
    if (it.major == 6) skip(in, depth + 1);
}

typedef struct { uint8_t bytes[2048]; size_t size; } out_t;
static void head(out_t *o, int major, uint64_t n) {
    int width = n < 24 ? 0 : n < 256 ? 1 : n < 65536 ? 2 : n < 4294967296ULL ? 4 : 8;
    static const uint8_t low[] = { 0, 24, 25, 0, 26, 0, 0, 0, 27 };
    o->bytes[o->size++] = (uint8_t)(major << 5 | (width ? low[width] : (int)n));
    for (int i = width - 1; i >= 0; i--) o->bytes[o->size++] = (uint8_t)(n >> (8 * i));
}
static void put(out_t *o, int major, const void *bytes, size_t size) {
    head(o, major, size); memcpy(o->bytes + o->size, bytes, size); o->size += size;
}

/* --- a record ---------------------------------------------------------------------------------- */
typedef struct {
    char terminal[64]; uint8_t ledger[16], prev[32]; size_t ledger_size;
    uint64_t seq, wall_ns, clock, about; const uint8_t *photo_list, *photo_end; int found, follows;
} fields_t;
typedef struct { int64_t alg; char kid[64]; int found; } header_t;

static void take_header(in_t *k, in_t *v, void *to) {
    header_t *h = to; item_t key = next(k), value = next(v);
    if (key.major != 0) { h->found |= 8; return; }
    if (key.n == 1 && value.major == 1) { h->alg = -1 - (int64_t)value.n; h->found |= 1; }
    else if (key.n == 4 && value.major == 2 && value.n < sizeof h->kid) {
        memcpy(h->kid, value.bytes, value.n); h->kid[value.n] = 0; h->found |= 2;
    } else h->found |= 8;
}

static void take_field(in_t *k, in_t *v, void *to) {
    fields_t *f = to; item_t key = next(k); const uint8_t *start = v->at; item_t value = next(v);
    if (key.major != 0) return;
    if (key.n == 2 && value.major == 3 && value.n < sizeof f->terminal) {
        memcpy(f->terminal, value.bytes, value.n); f->terminal[value.n] = 0; f->found |= 1;
    } else if (key.n == 3 && value.major == 2 && value.n == 8) {
        memcpy(f->ledger, value.bytes, 8); f->found |= 2;
    } else if (key.n == 4 && value.major == 0) { f->seq = value.n; f->found |= 4; }
    else if (key.n == 5 && value.major == 2 && value.n == 32) {
        memcpy(f->prev, value.bytes, 32); f->found |= 8;
    } else if (key.n == 10 && value.major == 0) { f->wall_ns = value.n; f->found |= 16; }
    else if (key.n == 11 && value.major == 0) { f->clock = value.n; f->found |= 32; }
    else if (key.n == 45 || key.n == 64) { f->photo_list = start; f->photo_end = v->end; } /* 64: of a follow-up */
    else if (key.n == 63) { f->about = value.major == 0 ? value.n : 0; f->follows = 1; }
}

static void hex(char *to, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) sprintf(to + 2 * i, "%02x", bytes[i]);
}

static int durable(const char *name, const uint8_t *bytes, size_t size) {
    char path[600], part[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(part, sizeof part, "%s/%s.part", folder, name);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int good = fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    good = good && rename(part, path) == 0;
    int dir = open(folder, O_RDONLY);
    good = good && dir >= 0 && fsync(dir) == 0;
    if (dir >= 0) close(dir);
    return good;
}

typedef struct { int code; uint8_t bytes[8192]; size_t size; const char *why; } reply_t;
static int refuse(reply_t *r, int code, const char *why) { r->code = code; r->why = why; return 0; }
#define CODE(c, d) ((c) << 5 | (d))

static void receipt(reply_t *r, const char *id, const uint8_t *digest, time_t at, uint64_t high, uint64_t ahead) {
    out_t o = { .size = 0 };
    head(&o, 5, ahead ? 5 : 4);
    head(&o, 0, 1); put(&o, 3, id, strlen(id));
    head(&o, 0, 2); put(&o, 2, digest, 16);
    head(&o, 0, 3); head(&o, 0, (uint64_t)at);
    head(&o, 0, 4); head(&o, 0, high);
    if (ahead) { head(&o, 0, 5); head(&o, 0, ahead); }
    memcpy(r->bytes, o.bytes, o.size); r->size = o.size;
}

static record_t *find(const char *chain, uint64_t seq) {
    for (size_t i = 0; i < n_records; i++)
        if (records[i].seq == seq && strcmp(records[i].chain, chain) == 0) return &records[i];
    return NULL;
}
static uint64_t high_of(const char *chain) {
    uint64_t high = 0;
    while (find(chain, high + 1) != NULL) high++;
    return high;
}

static int picture(in_t *in, item_t *digest, item_t *size) {
    item_t one = next(in), role = next(in);
    *digest = next(in); *size = next(in);
    return !in->bad && one.major == 4 && one.n == 3 && role.major == 3 && digest->major == 2
        && digest->n == 32 && size->major == 0;
}

static int pictures_fit(const fields_t *f) {
    if (f->photo_list == NULL) return 1;
    in_t in = { f->photo_list, f->photo_end, 0 };
    item_t list = next(&in), digest, size;
    for (uint64_t i = 0; i < list.n; i++) if (!picture(&in, &digest, &size)) return 0;
    return list.major == 4;
}

/* Everything that must hold of the bytes themselves; fills `f`. */
static int verified(reply_t *r, const uint8_t *body, size_t size, fields_t *f) {
    in_t in = { body, body + size, 0 };
    item_t tag = next(&in), list = next(&in);
    const uint8_t *from = in.at; item_t protected = next(&in);
    size_t protected_size = (size_t)(in.at - from);
    item_t empty = next(&in);
    const uint8_t *payload_from = in.at; item_t payload = next(&in);
    size_t payload_size = (size_t)(in.at - payload_from);
    item_t signature = next(&in);
    if (in.bad || in.at != in.end || tag.major != 6 || tag.n != 18 || list.major != 4 || list.n != 4
        || protected.major != 2 || empty.major != 5 || empty.n != 0 || payload.major != 2
        || signature.major != 2)
        return refuse(r, CODE(4, 0), "not a canonical COSE_Sign1");
    header_t h = { 0, "", 0 };
    in_t p = { protected.bytes, protected.bytes + protected.n, 0 };
    item_t headers = next(&p);
    if (headers.major == 5) map(&p, headers.n, 0, take_header, &h);
    if (p.bad || p.at != p.end || h.found != 3 || h.alg != -8)
        return refuse(r, CODE(4, 0), "the header is not {alg: EdDSA, kid}");
    in_t b = { payload.bytes, payload.bytes + payload.n, 0 };
    item_t fields = next(&b);
    memset(f, 0, sizeof *f);
    if (fields.major == 5) map(&b, fields.n, 0, take_field, f);
    if (b.bad || b.at != b.end || f->found != 63 || strcmp(f->terminal, h.kid) != 0)
        return refuse(r, CODE(4, 0), "the body is not a record of that terminal");
    if (!pictures_fit(f)) return refuse(r, CODE(4, 0), "a picture is not role, digest and size");
    if (f->follows && (f->about < 1 || f->about >= f->seq))
        return refuse(r, CODE(4, 0), "a follow-up is about a record before it");
    if (strcmp(h.kid, key_id) != 0) return refuse(r, CODE(4, 1), "unknown terminal");
    static uint8_t tbs[RECORD_MAX + 64];
    static const uint8_t intro[] = { 0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1' };
    size_t n = sizeof intro;
    memcpy(tbs, intro, n);
    memcpy(tbs + n, from, protected_size); n += protected_size;
    tbs[n++] = 0x40;
    memcpy(tbs + n, payload_from, payload_size); n += payload_size;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key_raw, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int holds = EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1
             && EVP_DigestVerify(md, signature.bytes, signature.n, tbs, n) == 1;
    EVP_MD_CTX_free(md); EVP_PKEY_free(key);
    return holds ? 1 : refuse(r, CODE(4, 1), "the signature does not hold");
}

static void note_photos(const fields_t *f) {
    if (f->photo_list == NULL) return;
    in_t in = { f->photo_list, f->photo_end, 0 };
    item_t list = next(&in);
    for (uint64_t i = 0; i < list.n; i++) {
        item_t digest, size;
        if (!picture(&in, &digest, &size) || size.n > PHOTO_MAX) return;
        size_t at = 0;
        while (at < n_photos && memcmp(photos[at].digest, digest.bytes, 32) != 0) at++;
        if (at < n_photos || n_photos == PHOTOS) continue;
        photo_t *photo = &photos[n_photos++];
        memcpy(photo->digest, digest.bytes, 32);
        photo->size = (size_t)size.n;
        photo->parts = calloc(1, photo->size + 1);
        photo->have = calloc(1, photo->size / CHUNK + 2);
    }
}

static int put_record(reply_t *r, const char *id, const uint8_t *body, size_t size, int if_none_match) {
    fields_t f; char ledger[17], chain[ID_MAX], name[ID_MAX + 24];
    if (!verified(r, body, size, &f)) return 0;
    hex(ledger, f.ledger, 8);
    snprintf(chain, sizeof chain, "%s-%s", f.terminal, ledger);
    snprintf(name, sizeof name, "%s-%llu", chain, (unsigned long long)f.seq);
    if (strcmp(name, id) != 0) return refuse(r, CODE(4, 0), "the id is not the record's");
    static const uint8_t zero[32];
    if (f.seq == 1 && memcmp(f.prev, zero, 32) != 0) return refuse(r, CODE(4, 9), "not at the root");
    record_t new = { .seq = f.seq, .at = time(NULL) };
    memcpy(new.chain, chain, sizeof new.chain); memcpy(new.prev, f.prev, 32);
    SHA256(body, size, new.hash);
    record_t *held = find(chain, f.seq);
    if (held == NULL) {
        record_t *before = find(chain, f.seq - 1), *after = find(chain, f.seq + 1);
        if ((before != NULL && memcmp(before->hash, f.prev, 32) != 0)
            || (after != NULL && memcmp(after->prev, new.hash, 32) != 0))
            return refuse(r, CODE(4, 9), "does not fit its neighbours");
        if (n_records == RECORDS || !durable(name, body, size)) return refuse(r, CODE(5, 3), "cannot be stored");
        records[n_records++] = new;
        note_photos(&f);
    }
    record_t *stored = held != NULL ? held : &new;
    int64_t ahead = (int64_t)(f.wall_ns / 1000000000ULL) - (int64_t)stored->at;
    uint64_t doubted = f.clock != 0 && ahead > AHEAD_S ? (uint64_t)ahead : 0;
    receipt(r, id, stored->hash, stored->at, high_of(chain), doubted);
    r->code = held == NULL ? CODE(2, 1) : if_none_match ? CODE(4, 12) : CODE(2, 4);
    return 1;
}

/* --- photos ------------------------------------------------------------------------------------ */
static photo_t *named(reply_t *r, const char *text) {
    uint8_t digest[32];
    if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64) {
        refuse(r, CODE(4, 0), "a photo's name is its digest"); return NULL;
    }
    for (int i = 0; i < 32; i++) { unsigned v; sscanf(text + 2 * i, "%2x", &v); digest[i] = (uint8_t)v; }
    for (size_t i = 0; i < n_photos; i++) if (memcmp(photos[i].digest, digest, 32) == 0) return &photos[i];
    refuse(r, CODE(4, 4), "no record names this photo"); return NULL;
}

static int put_photo(reply_t *r, const char *id, const uint8_t *body, size_t size, int if_none_match) {
    photo_t *photo = named(r, id); uint8_t digest[32];
    if (photo == NULL) return 0;
    int old = photo->stored;
    if (!old) {
        SHA256(body, size, digest);
        if (size != photo->size || memcmp(digest, photo->digest, 32) != 0) return refuse(r, CODE(4, 9), "other bytes");
        if (!durable(id, body, size)) return refuse(r, CODE(5, 3), "cannot be stored");
        photo->stored = 1;
    }
    receipt(r, id, photo->digest, time(NULL), 0, 0);
    r->code = !old ? CODE(2, 1) : if_none_match ? CODE(4, 12) : CODE(2, 4);
    return 1;
}

static int put_chunk(reply_t *r, const char *id, const char *offset, const uint8_t *body, size_t size) {
    photo_t *photo = named(r, id);
    if (photo == NULL) return 0;
    if (photo->stored) return put_photo(r, id, NULL, 0, 0);
    char *end; unsigned long at = strtoul(offset, &end, 10);
    size_t want = at < photo->size ? (photo->size - at < CHUNK ? photo->size - at : CHUNK) : 0;
    if (*end || *offset < '0' || *offset > '9' || at % CHUNK || want == 0 || size != want)
        return refuse(r, CODE(4, 0), "off the grid");
    memcpy(photo->parts + at, body, size);
    photo->have[at / CHUNK] = 1;
    for (size_t i = 0; i * CHUNK < photo->size; i++) if (!photo->have[i]) { r->code = CODE(2, 4); return 1; }
    return put_photo(r, id, photo->parts, photo->size, 0);
}

static int missing(reply_t *r, const char *id) {
    photo_t *photo = named(r, id); out_t o = { .size = 0 }; size_t lacking = 0;
    if (photo == NULL) return 0;
    r->code = CODE(2, 5);
    if (photo->stored) { receipt(r, id, photo->digest, time(NULL), 0, 0); return 1; }
    for (size_t at = 0; at < photo->size; at += CHUNK) lacking += !photo->have[at / CHUNK];
    if (lacking > 150) lacking = 150; /* the rest is asked for once these have come */
    head(&o, 4, lacking);
    for (size_t at = 0; at < photo->size && lacking > 0; at += CHUNK) {
        if (photo->have[at / CHUNK]) continue;
        head(&o, 4, 2); head(&o, 0, at); head(&o, 0, at + CHUNK < photo->size ? at + CHUNK : photo->size);
        lacking--;
    }
    memcpy(r->bytes, o.bytes, o.size); r->size = o.size;
    return 1;
}

static int cursor(reply_t *r, const char *terminal) {
    const char *chains[4]; size_t n = 0; size_t length = strlen(terminal); out_t o = { .size = 0 };
    for (size_t i = 0; i < n_records && n < 4; i++) {
        const char *chain = records[i].chain; size_t at = 0;
        if (strncmp(chain, terminal, length) != 0 || chain[length] != '-') continue;
        while (at < n && strcmp(chains[at], chain) != 0) at++;
        if (at == n) chains[n++] = chain;
    }
    head(&o, 4, n);
    for (size_t c = 0; c < n; c++) {
        uint8_t ledger[8]; uint64_t high = high_of(chains[c]), highest = 0, runs = 0;
        for (int i = 0; i < 8; i++) { unsigned v; sscanf(chains[c] + length + 1 + 2 * i, "%2x", &v); ledger[i] = (uint8_t)v; }
        for (size_t i = 0; i < n_records; i++)
            if (strcmp(records[i].chain, chains[c]) == 0 && records[i].seq > highest) highest = records[i].seq;
        for (uint64_t s = high + 1; s < highest; s++) runs += !find(chains[c], s) && (s == high + 1 || find(chains[c], s - 1));
        if (runs > 20) runs = 20;
        head(&o, 4, 4); put(&o, 2, ledger, 8); head(&o, 0, high); head(&o, 0, highest); head(&o, 4, runs);
        for (uint64_t s = high + 1; s < highest && runs > 0; s++) {
            if (find(chains[c], s)) continue;
            uint64_t first = s;
            while (s + 1 < highest && !find(chains[c], s + 1)) s++;
            head(&o, 4, 2); head(&o, 0, first); head(&o, 0, s); runs--;
        }
    }
    memcpy(r->bytes, o.bytes, o.size); r->size = o.size; r->code = CODE(2, 5);
    return 1;
}

/* --- CoAP -------------------------------------------------------------------------------------- */
static unsigned number(const coap_opt_t *option) {
    return coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
}

/* The body once it is whole; 0 while blocks are missing (the reply says which it was). */
static int assembled(reply_t *r, coap_session_t *session, const coap_opt_t *block, const char *path,
                     size_t limit, const uint8_t **data, size_t *size) {
    if (block == NULL) return *size <= limit ? 1 : refuse(r, CODE(4, 13), "too large");
    unsigned value = number(block); size_t start = (size_t)(value >> 4) * (16u << (value & 7));
    char name[ID_MAX * 2 + 96]; uint8_t text[80];
    size_t n = coap_print_addr(coap_session_get_addr_remote(session), text, sizeof text - 1);
    text[n < sizeof text ? n : sizeof text - 1] = 0;
    snprintf(name, sizeof name, "%s/%s", (char *)text, path);
    body_t *body = NULL;
    for (size_t i = 0; i < BODIES; i++) if (bodies[i].bytes != NULL && strcmp(bodies[i].name, name) == 0) body = &bodies[i];
    if (body == NULL && start == 0) { /* the oldest place is taken over */
        body = &bodies[next_body++ % BODIES];
        free(body->bytes);
        body->bytes = malloc(PHOTO_MAX);
        snprintf(body->name, sizeof body->name, "%s", name);
    }
    if (body != NULL && start == 0) body->size = 0;
    if (body == NULL || body->size != start) return refuse(r, CODE(4, 8), "a block is missing");
    if (start + *size > limit) return refuse(r, CODE(4, 13), "too large");
    memcpy(body->bytes + start, *data, *size); body->size += *size;
    if (value & 8) { r->code = CODE(2, 31); return 0; }
    static uint8_t whole[PHOTO_MAX];
    memcpy(whole, body->bytes, body->size);
    *data = whole; *size = body->size;
    free(body->bytes); body->bytes = NULL;
    return 1;
}

static void answer(reply_t *r, coap_session_t *session, const coap_pdu_t *request) {
    char parts[5][ID_MAX] = { "", "", "", "", "" }, path[ID_MAX * 2] = ""; int n = 0;
    coap_opt_iterator_t at; coap_opt_t *option, *block, *format;
    coap_opt_filter_t filter; coap_option_filter_clear(&filter); coap_option_filter_set(&filter, COAP_OPTION_URI_PATH);
    coap_option_iterator_init(request, &at, &filter);
    while ((option = coap_option_next(&at)) != NULL && n < 5) {
        if (coap_opt_length(option) >= ID_MAX) { refuse(r, CODE(4, 4), "no such resource"); return; }
        memcpy(parts[n], coap_opt_value(option), coap_opt_length(option));
        if (strlen(path) + strlen(parts[n]) + 2 < sizeof path) { strcat(path, "/"); strcat(path, parts[n]); }
        n++;
    }
    coap_pdu_code_t method = coap_pdu_get_code(request);
    int is_v1 = strcmp(parts[0], "v1") == 0, photo = is_v1 && strcmp(parts[1], "photos") == 0;
    if (method == COAP_REQUEST_CODE_GET && is_v1) {
        if (n == 2 && strcmp(parts[1], "time") == 0) {
            struct timespec now; out_t o = { .size = 0 }; clock_gettime(CLOCK_REALTIME, &now);
            head(&o, 0, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
            memcpy(r->bytes, o.bytes, o.size); r->size = o.size; r->code = CODE(2, 5); return;
        }
        if (n == 3 && strcmp(parts[1], "cursor") == 0) { cursor(r, parts[2]); return; }
        if (n == 3 && strcmp(parts[1], "keys") == 0) { refuse(r, CODE(4, 3), "new keys go to their own terminal only"); return; }
        if (n == 4 && photo && strcmp(parts[3], "missing") == 0) { missing(r, parts[2]); return; }
    }
    int record = is_v1 && n == 3 && (strcmp(parts[1], "records") == 0 || strcmp(parts[1], "alarms") == 0 || strcmp(parts[1], "health") == 0);
    if (!record && !(photo && (n == 3 || n == 4))) { refuse(r, CODE(4, 4), "no such resource"); return; }
    if (method != COAP_REQUEST_CODE_PUT) { refuse(r, CODE(4, 5), "PUT only"); return; }
    format = coap_check_option(request, COAP_OPTION_CONTENT_FORMAT, &at);
    unsigned given = format != NULL ? number(format) : 0;
    int fits = format == NULL || (record ? given == 18 : n == 4 ? given == 42 : given == 22 || given == 42);
    if (!fits) { refuse(r, CODE(4, 15), "content format"); return; }
    const uint8_t *data = (const uint8_t *)""; size_t size = 0;
    coap_get_data(request, &size, &data);
    block = coap_check_option(request, COAP_OPTION_BLOCK1, &at);
    size_t limit = record ? RECORD_MAX : n == 4 ? CHUNK : PHOTO_MAX;
    if (!assembled(r, session, block, path, limit, &data, &size)) return;
    int if_none_match = coap_check_option(request, COAP_OPTION_IF_NONE_MATCH, &at) != NULL;
    if (record) put_record(r, parts[2], data, size, if_none_match);
    else if (n == 3) put_photo(r, parts[2], data, size, if_none_match);
    else put_chunk(r, parts[2], parts[3], data, size);
}

static void handle(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                   const coap_string_t *query, coap_pdu_t *response) {
    (void)resource; (void)query;
    static reply_t r; uint8_t room[4]; coap_opt_iterator_t at;
    r.size = 0; r.why = NULL; r.code = CODE(5, 0);
    answer(&r, session, request);
    if (r.why != NULL) { /* RFC 9290: the title is enough for a person */
        out_t o = { .size = 0 };
        head(&o, 5, 1); head(&o, 1, 0); put(&o, 3, r.why, strlen(r.why));
        memcpy(r.bytes, o.bytes, o.size); r.size = o.size;
    }
    coap_pdu_set_code(response, (coap_pdu_code_t)r.code);
    unsigned kind = r.why != NULL ? 257 : 60;
    coap_add_option(response, COAP_OPTION_CONTENT_FORMAT, coap_encode_var_safe(room, sizeof room, kind), room);
    coap_opt_t *block = coap_check_option(request, COAP_OPTION_BLOCK1, &at);
    if (block != NULL && r.code >> 5 == 2)
        coap_add_option(response, COAP_OPTION_BLOCK1, coap_opt_length(block), coap_opt_value(block));
    if (r.size > 0) coap_add_data(response, r.size, r.bytes);
}

static int read_key(const char *path) {
    char word[16], text[80]; FILE *file = fopen(path, "r");
    int good = file != NULL && fscanf(file, "%15s %79s %63s", word, text, key_id) == 3 && strlen(text) == 64;
    for (int i = 0; good && i < 32; i++) { unsigned v; good = sscanf(text + 2 * i, "%2x", &v) == 1; key_raw[i] = (uint8_t)v; }
    if (file != NULL) fclose(file);
    return good;
}

int main(int argc, char **argv) {
    if (argc != 4 || !read_key(argv[2])) { fprintf(stderr, "usage: receiver PORT KEYFILE FOLDER\n"); return 65; }
    folder = argv[3];
    coap_startup();
    coap_address_t address; coap_address_init(&address);
    address.addr.sin.sin_family = AF_INET;
    address.addr.sin.sin_port = htons((uint16_t)atoi(argv[1]));
    address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.size = sizeof address.addr.sin;
    coap_context_t *context = coap_new_context(NULL);
    if (context == NULL || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == NULL) return 69;
    coap_resource_t *all = coap_resource_unknown_init(handle);
    coap_register_request_handler(all, COAP_REQUEST_GET, handle);
    coap_register_request_handler(all, COAP_REQUEST_POST, handle);
    coap_register_request_handler(all, COAP_REQUEST_DELETE, handle);
    coap_add_resource(context, all);
    puts("ready"); fflush(stdout);
    while (coap_io_process(context, COAP_IO_WAIT) >= 0) {}
    return 70;
}
