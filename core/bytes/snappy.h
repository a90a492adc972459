// Snappy's block format: uvarint length of the plain text, then literals and back references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace narthex {

// Appends the compressed form of `data` (at most 2^32 - 1 bytes) to `out`. Incompressible input grows by
// about 1/6 in the worst case the format allows; in practice by a few bytes a 64 KiB block.
void snappy_encode(std::span<const uint8_t> data, std::vector<uint8_t>& out);

// Replaces `out` by the plain text. Throws DecodeError on malformed input, and before allocating anything
// when the declared length is over `limit` or more than the input could ever produce.
void snappy_decode(std::span<const uint8_t> data, size_t limit, std::vector<uint8_t>& out);

}  // namespace narthex
