// Numbers that the index file's reader and writer share, see docs/formats/index.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace narthex {

constexpr uint32_t kIndexMagic = 0xbaaad700;
constexpr size_t kIndexHeaderSize = 5;     // magic, version
constexpr uint64_t kSeriesAlignment = 16;  // of series from version 2 on: a reference counts in these

}  // namespace narthex
