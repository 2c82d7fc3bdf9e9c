// A small county receiver on Node and npm "coap": the interface in 200 lines, nothing shared
// with the terminal but the golden vectors. Usage: node receiver.js PORT KEYFILE FOLDER
'use strict'
const coap = require('coap')
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')

const [port, keyFile, folder] = process.argv.slice(2)
const RECORD_MAX = 16512, PHOTO_MAX = 524288, CHUNK = 1024, AHEAD_S = 600
const F = { terminal: 2, ledger: 3, seq: 4, prev: 5, wall: 10, clock: 11, photos: 45, about: 63, evidence: 64 }
const RAW = { Block1: '2050', 'Content-Format': '2054' } // elective numbers: the library leaves them to us

// --- keys ------------------------------------------------------------------------------------
const keys = new Map()
for (const line of fs.readFileSync(keyFile, 'utf8').split('\n').filter(Boolean)) {
  const [, hex, terminal] = line.split(' ')
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(hex, 'hex')])
  keys.set(terminal, crypto.createPublicKey({ key: der, format: 'der', type: 'spki' }))
}

// --- CBOR: decode strictly, encode canonically -----------------------------------------------
class Tag { constructor (number, value) { this.number = number; this.value = value } }

function head (major, n) {
  const big = BigInt(n)
  const m = major << 5
  if (big < 24n) return Buffer.from([m | Number(big)])
  if (big < 256n) return Buffer.from([m | 24, Number(big)])
  if (big < 65536n) return Buffer.from([m | 25, Number(big) >> 8, Number(big) & 255])
  const b = Buffer.alloc(big < 4294967296n ? 5 : 9)
  b[0] = m | (b.length === 5 ? 26 : 27)
  if (b.length === 5) b.writeUInt32BE(Number(big), 1); else b.writeBigUInt64BE(big, 1)
  return b
}

function encode (v) {
  if (typeof v === 'number' || typeof v === 'bigint') return v < 0 ? head(1, -1n - BigInt(v)) : head(0, v)
  if (typeof v === 'boolean') return Buffer.from([v ? 0xf5 : 0xf4])
  if (Buffer.isBuffer(v)) return Buffer.concat([head(2, v.length), v])
  if (typeof v === 'string') { const b = Buffer.from(v); return Buffer.concat([head(3, b.length), b]) }
  if (Array.isArray(v)) return Buffer.concat([head(4, v.length), ...v.map(encode)])
  if (v instanceof Tag) return Buffer.concat([head(6, v.number), encode(v.value)])
  if (v instanceof Map) {
    const pairs = [...v].map(([k, x]) => [encode(k), encode(x)]).sort((a, b) => Buffer.compare(a[0], b[0]))
    return Buffer.concat([head(5, pairs.length), ...pairs.flat()])
  }
  throw new Error('not encodable')
}

function decode (buf) {
  let at = 0
  function take (n) { if (at + n > buf.length) throw new Error('ends early'); at += n; return buf.subarray(at - n, at) }
  function item (depth) {
    if (depth > 8) throw new Error('too deep')
    const first = take(1)[0]
    const major = first >> 5
    const low = first & 31
    if (major === 7) { if (low === 20 || low === 21) return low === 21; throw new Error('simple value') }
    if (low > 27) throw new Error('indefinite')
    let n = low
    if (low >= 24) { n = 0n; for (const byte of take(1 << (low - 24))) n = n * 256n + BigInt(byte); if (n <= 9007199254740991n) n = Number(n) }
    if (major === 0) return n
    if (major === 1) return typeof n === 'number' ? -1 - n : -1n - n
    if (major === 2) return Buffer.from(take(Number(n)))
    if (major === 3) return new TextDecoder('utf-8', { fatal: true }).decode(take(Number(n)))
    if (major === 4) { const a = []; for (let i = 0; i < n; i++) a.push(item(depth + 1)); return a }
    if (major === 6) return new Tag(n, item(depth + 1))
    const m = new Map()
    for (let i = 0; i < n; i++) { const k = item(depth + 1); if (m.has(k)) throw new Error('key twice'); m.set(k, item(depth + 1)) }
    return m
  }
  const value = item(0)
  if (at !== buf.length) throw new Error('bytes behind the end')
  if (!encode(value).equals(buf)) throw new Error('not canonical')
  return value
}

// --- refusals and receipts -------------------------------------------------------------------
class Refused extends Error { constructor (code, why) { super(why); this.code = code } }
const sha256 = (b) => crypto.createHash('sha256').update(b).digest()
const receipt = (id, digest, high, ahead = 0) => encode(new Map([[1, id], [2, digest.subarray(0, 16)], [3, Math.floor(Date.now() / 1000)], [4, high], ...(ahead ? [[5, ahead]] : [])]))

function durable (name, bytes) {
  const file = path.join(folder, name)
  const fd = fs.openSync(file + '.part', 'w')
  fs.writeSync(fd, bytes); fs.fsyncSync(fd); fs.closeSync(fd)
  fs.renameSync(file + '.part', file)
  const dir = fs.openSync(folder, 'r'); fs.fsyncSync(dir); fs.closeSync(dir)
}

// --- records ---------------------------------------------------------------------------------
const chains = new Map() // terminal/ledger -> Map(seq -> {hash, prev})
const photos = new Map() // digest hex -> {size, stored, parts}

// A weighing names its photos, a follow-up the evidence that came after its weighing.
const pictures = (body) => [...(body.get(F.photos) || []), ...(body.get(F.evidence) || [])]

function verified (signed) {
  if (signed.length > RECORD_MAX) throw new Refused('4.13', 'too large')
  let kid, body, parts
  try {
    const tag = decode(signed)
    if (!(tag instanceof Tag) || tag.number !== 18) throw new Error('not a COSE_Sign1')
    parts = tag.value
    const header = decode(parts[0])
    if (header.get(1) !== -8 || parts[1].size !== 0) throw new Error('header')
    kid = header.get(4).toString()
    body = decode(parts[2])
    if (body.get(F.terminal) !== kid || !Buffer.isBuffer(body.get(F.ledger))) throw new Error('kid')
    for (const [role, digest, size] of pictures(body)) if (typeof role !== 'string' || digest.length !== 32 || !(size >= 0)) throw new Error('picture')
    const about = body.get(F.about) // of the same chain, and written before
    if (about !== undefined && !(about >= 1 && about < body.get(F.seq))) throw new Error('about')
  } catch (error) { throw new Refused('4.00', `malformed: ${error.message}`) }
  const key = keys.get(kid)
  if (!key) throw new Refused('4.01', 'unknown terminal')
  const signedBytes = encode(['Signature1', parts[0], Buffer.alloc(0), parts[2]])
  if (!crypto.verify(null, signedBytes, key, parts[3])) throw new Refused('4.01', 'signature does not hold')
  return body
}

function putRecord (id, signed, ifNoneMatch) {
  const body = verified(signed)
  const seq = body.get(F.seq)
  const chainName = `${body.get(F.terminal)}-${body.get(F.ledger).toString('hex')}`
  if (id !== `${chainName}-${seq}`) throw new Refused('4.00', 'the id is not the record\'s')
  const ahead = Math.floor(Number(body.get(F.wall)) / 1e9 - Date.now() / 1000) // stored all the same, and said so
  const doubted = body.get(F.clock) !== 0 && ahead > AHEAD_S ? ahead : 0
  const hash = sha256(signed)
  const prev = body.get(F.prev)
  if (seq === 1 && !prev.equals(Buffer.alloc(32))) throw new Refused('4.09', 'not at the root')
  const chain = chains.get(chainName) || new Map()
  chains.set(chainName, chain)
  const held = chain.get(seq)
  if (!held) {
    const before = chain.get(seq - 1)
    const after = chain.get(seq + 1)
    if ((before && !before.hash.equals(prev)) || (after && !after.prev.equals(hash))) throw new Refused('4.09', 'does not fit its neighbours')
    durable(id.replace(/[^A-Za-z0-9_.-]/g, '_'), signed)
    chain.set(seq, { hash, prev })
    for (const [, digest, size] of pictures(body)) {
      const hex = digest.toString('hex')
      if (!photos.has(hex)) photos.set(hex, { size, stored: false, parts: new Map() })
    }
  }
  let high = 0
  while (chain.has(high + 1)) high++
  return [held ? (ifNoneMatch ? '4.12' : '2.04') : '2.01', receipt(id, held ? held.hash : hash, high, doubted)]
}

// --- photos ----------------------------------------------------------------------------------
function photo (hex) {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new Refused('4.00', 'a photo\'s name is its digest')
  const known = photos.get(hex)
  if (!known) throw new Refused('4.04', 'no record names this photo')
  return known
}

function putPhoto (hex, bytes, ifNoneMatch) {
  const known = photo(hex)
  const old = known.stored
  if (!old) {
    if (sha256(bytes).toString('hex') !== hex) throw new Refused('4.09', 'other bytes')
    durable(hex, bytes)
    known.stored = true
    known.parts.clear()
  }
  return [old ? (ifNoneMatch ? '4.12' : '2.04') : '2.01', receipt(hex, Buffer.from(hex, 'hex'), 0)]
}

function putChunk (hex, offset, bytes) {
  const known = photo(hex)
  if (known.stored) return putPhoto(hex, null, false)
  const at = Number(offset)
  if (!/^\d+$/.test(offset) || at % CHUNK || at >= known.size || bytes.length !== Math.min(CHUNK, known.size - at)) throw new Refused('4.00', 'off the grid')
  known.parts.set(at, Buffer.from(bytes))
  if (known.parts.size < Math.ceil(known.size / CHUNK)) return ['2.04', Buffer.alloc(0)]
  return putPhoto(hex, Buffer.concat([...known.parts].sort((a, b) => a[0] - b[0]).map(([, b]) => b)), false)
}

function missing (hex) {
  const known = photo(hex)
  if (known.stored) return ['2.05', receipt(hex, Buffer.from(hex, 'hex'), 0)]
  const ranges = []
  for (let at = 0; at < known.size; at += CHUNK) if (!known.parts.has(at)) ranges.push([at, Math.min(at + CHUNK, known.size)])
  return ['2.05', encode(ranges)]
}

function cursor (terminal) {
  const rows = [...chains].filter(([name]) => name.startsWith(`${terminal}-`)).map(([name, chain]) => {
    let high = 0
    while (chain.has(high + 1)) high++
    const highest = Math.max(0, ...chain.keys())
    const runs = []
    for (let seq = high + 1; seq < highest; seq++) {
      if (chain.has(seq)) continue
      if (runs.length && runs[runs.length - 1][1] === seq - 1) runs[runs.length - 1][1] = seq; else runs.push([seq, seq])
    }
    return [Buffer.from(name.slice(terminal.length + 1), 'hex'), high, highest, runs]
  })
  return ['2.05', encode(rows)]
}

// --- CoAP ------------------------------------------------------------------------------------
const bodies = new Map() // sender + path -> bytes so far
function assembled (req, block, limit) {
  if (!block) return req.payload
  const value = [...block].reduce((n, byte) => n * 256 + byte, 0)
  const size = 16 << (value & 7)
  const start = (value >> 4) * size
  const name = `${req.rsinfo.address}:${req.rsinfo.port}${req.url}`
  const soFar = start === 0 ? Buffer.alloc(0) : bodies.get(name)
  bodies.delete(name)
  if (!soFar || soFar.length !== start) throw new Refused('4.08', 'a block is missing')
  if (start + req.payload.length > limit) throw new Refused('4.13', 'too large')
  const body = Buffer.concat([soFar, req.payload])
  if (!(value & 8)) return body
  if (bodies.size < 500) bodies.set(name, body)
  return null
}

function answer (req) {
  const raw = req._packet.options
  const option = (name) => { const found = raw.find((o) => String(o.name) === name); return found && found.value }
  const parts = req.url.split('?')[0].split('/').slice(1).map(decodeURIComponent)
  const kind = parts[0] === 'v1' ? `${parts[1]}/${parts.length}` : ''
  const uploads = { 'records/3': [18, RECORD_MAX], 'alarms/3': [18, RECORD_MAX], 'health/3': [18, RECORD_MAX], 'photos/3': [22, PHOTO_MAX, 42], 'photos/4': [42, CHUNK] }
  if (req.method === 'GET') {
    if (kind === 'time/2') return ['2.05', encode(Date.now())]
    if (kind === 'cursor/3') return cursor(parts[2])
    if (kind === 'keys/3') throw new Refused('4.03', 'new keys go to their own terminal only')
    if (kind === 'photos/4' && parts[3] === 'missing') return missing(parts[2])
  }
  if (!uploads[kind]) throw new Refused('4.04', 'no such resource')
  if (req.method !== 'PUT') throw new Refused('4.05', 'PUT only')
  const [format, limit, film] = uploads[kind]
  const given = option(RAW['Content-Format'])
  if (given && ![format, film].includes([...given].reduce((n, byte) => n * 256 + byte, 0))) throw new Refused('4.15', 'content format')
  const body = assembled(req, option(RAW.Block1), limit)
  if (body === null) return ['2.31', Buffer.alloc(0)]
  const ifNoneMatch = option('If-None-Match') !== undefined
  if (kind === 'photos/3') return putPhoto(parts[2], body, ifNoneMatch)
  return kind === 'photos/4' ? putChunk(parts[2], parts[3], body) : putRecord(parts[2], body, ifNoneMatch)
}

const server = coap.createServer((req, res) => {
  let reply
  try { reply = answer(req) } catch (error) {
    if (!(error instanceof Refused)) { console.error(error); error.code = '5.00' }
    reply = [error.code, encode(new Map([[-1, error.message]]))]
    res.setOption('Content-Format', Buffer.from([1, 1]))
  }
  res.code = reply[0]
  const block = req._packet.options.find((o) => String(o.name) === RAW.Block1)
  if (block && reply[0].startsWith('2.')) res.setOption('Block1', block.value)
  res.end(reply[1])
})
server._middlewares.splice(1, 0, (request, next) => {
  for (const option of request.packet.options || []) if (RAW[option.name]) option.name = RAW[option.name]
  next()
})
server.listen(Number(port), '127.0.0.1', () => console.log('ready'))
