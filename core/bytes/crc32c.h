// CRC-32C (Castagnoli, reflected), the checksum of every Prometheus file.
#pragma once

#include <cstdint>
#include <span>

namespace narthex {

// `seed` is the result of an earlier call, to go on with more bytes.
uint32_t crc32c(std::span<const uint8_t> data, uint32_t seed = 0);

}  // namespace narthex
