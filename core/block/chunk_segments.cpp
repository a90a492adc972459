#include "block/chunk_segments.h"

#include "bytes/crc32c.h"

namespace narthex {

ChunkSegments::ChunkSegments(std::vector<std::span<const uint8_t>> segments)
    : segments_(std::move(segments)) {
    for (auto segment : segments_) {
        ByteReader in(segment);
        if (in.be32() != kChunksMagic) throw DecodeError("not a chunk segment", 0);
        uint8_t version = in.u8();
        if (version != kChunksVersion)
            throw DecodeError("unknown chunk segment version " + std::to_string(version), 4);
        in.bytes(3);
    }
}

ChunkView ChunkSegments::view(const ChunkMeta& meta) const {
    uint64_t number = meta.ref >> 32, offset = meta.ref & 0xffffffff;
    if (number >= segments_.size())
        throw DecodeError("chunk refers to missing segment " + std::to_string(number + 1), offset);
    auto segment = segments_[number];
    if (offset < kSegmentHeaderSize || offset > segment.size())
        throw DecodeError("chunk refers past the end of segment " + std::to_string(number + 1), offset);
    ByteReader in(segment.subspan(offset), offset);
    uint64_t size = in.uvarint();
    if (size >= in.remaining() || size > 0xfffffffe) in.fail("chunk runs past the end of its segment");
    auto body = in.bytes(size + 1);
    if (crc32c(body) != in.be32()) throw DecodeError("checksum mismatch in chunk", offset);
    return {meta.mint, meta.maxt, body.data() + 1, static_cast<uint32_t>(size), body[0]};
}

}  // namespace narthex
