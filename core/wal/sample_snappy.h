// Snappy for records of samples: what any encoder of that format could have written, but quicker and mostly
// shorter, since the places of the values are known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace narthex {

// Appends the compressed form of a record of type kSamples to `out`. The bytes may be any: those that are no
// such record come back as well, but long.
void snappy_encode_samples(std::span<const uint8_t> record, std::vector<uint8_t>& out);

}  // namespace narthex
