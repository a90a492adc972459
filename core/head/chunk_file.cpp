#include "head/chunk_file.h"

#include <algorithm>
#include <cstring>

#include "bytes/crc32c.h"
#include "bytes/error.h"
#include "bytes/reader.h"

namespace narthex {

namespace {

constexpr uint32_t kHeadChunkMagic = 0x0130BC91;
constexpr uint8_t kHeadChunkVersion = 1;
constexpr size_t kFixedPart = 25;  // ref, mint, maxt, encoding
constexpr uint8_t kOutOfOrderBit = 0x80;
// Prometheus takes a rest that is shorter for damage, unless it is zeros.
constexpr size_t kLargestOverhead = 34;

void store_be64(uint8_t* out, uint64_t v) {
    v = __builtin_bswap64(v);
    std::memcpy(out, &v, 8);
}

size_t uvarint_size(uint64_t v) {
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) ++n;
    return n;
}

bool all_zero(std::span<const uint8_t> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

HeadChunk fields(ByteReader& in) {
    HeadChunk c;
    c.ref = in.be64();
    c.mint = static_cast<int64_t>(in.be64());
    c.maxt = static_cast<int64_t>(in.be64());
    uint8_t encoding = in.u8();
    c.encoding = encoding & static_cast<uint8_t>(~kOutOfOrderBit);
    c.out_of_order = (encoding & kOutOfOrderBit) != 0;
    uint64_t size = in.uvarint();
    if (size > in.remaining()) in.fail("head chunk runs past the end");
    c.bytes = in.bytes(static_cast<size_t>(size));
    return c;
}

}  // namespace

size_t head_chunk_size(const HeadChunk& chunk) {
    return kFixedPart + uvarint_size(chunk.bytes.size()) + chunk.bytes.size() + 4;
}

void write_head_chunk(const HeadChunk& chunk, uint8_t* out) {
    uint8_t* at = out;
    store_be64(at, chunk.ref);
    store_be64(at + 8, static_cast<uint64_t>(chunk.mint));
    store_be64(at + 16, static_cast<uint64_t>(chunk.maxt));
    at[24] = static_cast<uint8_t>(chunk.encoding | (chunk.out_of_order ? kOutOfOrderBit : 0));
    at += kFixedPart;
    uint64_t size = chunk.bytes.size();
    for (; size >= 0x80; size >>= 7) *at++ = static_cast<uint8_t>(size | 0x80);
    *at++ = static_cast<uint8_t>(size);
    std::memcpy(at, chunk.bytes.data(), chunk.bytes.size());
    at += chunk.bytes.size();
    uint32_t crc = __builtin_bswap32(crc32c({out, at}));
    std::memcpy(at, &crc, 4);
}

HeadChunk read_head_chunk(const uint8_t* entry) {
    ByteReader in({entry, kHeadChunkFileSize});
    return fields(in);
}

void HeadChunkReader::header() {
    ByteReader in(file_);
    if (in.be32() != kHeadChunkMagic) throw DecodeError("not a head chunk file", 0);
    if (in.u8() != kHeadChunkVersion) throw DecodeError("unknown version of a head chunk file", 4);
    in.bytes(3);
    good_end_ = kHeadChunkFileHeader;
}

bool HeadChunkReader::next(HeadChunk& chunk) {
    if (good_end_ == 0) header();
    auto rest = file_.subspan(good_end_);
    if (rest.size() < kLargestOverhead) {
        if (all_zero(rest)) return false;
        throw DecodeError("head chunk is cut", file_.size());
    }
    if (all_zero(rest.first(kFixedPart - 1))) return false;
    ByteReader in(rest, good_end_);
    chunk = fields(in);
    auto covered = rest.first(in.position());
    if (in.be32() != crc32c(covered)) throw DecodeError("checksum of a head chunk does not match", good_end_);
    entry_ = good_end_;
    good_end_ += in.position();
    return true;
}

}  // namespace narthex
