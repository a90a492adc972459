// xxHash64, seed 0 (specification: Cyan4973/xxHash, doc/xxhash_spec.md).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace narthex {

inline uint64_t xxhash64(std::string_view input) {
    constexpr uint64_t kP1 = 11400714785074694791ULL, kP2 = 14029467366897019727ULL,
                       kP3 = 1609587929392839161ULL, kP4 = 9650029242287828579ULL,
                       kP5 = 2870177450012600261ULL;
    const char* p = input.data();
    size_t left = input.size();
    auto load = [](const char* at, auto& word) { std::memcpy(&word, at, sizeof word); };
    auto round = [](uint64_t lane, uint64_t word) { return std::rotl(lane + word * kP2, 31) * kP1; };
    uint64_t h;
    if (left >= 32) {
        uint64_t lanes[4] = {kP1 + kP2, kP2, 0, 0 - kP1};
        for (; left >= 32; left -= 32) {
            for (uint64_t& lane : lanes) {
                uint64_t word;
                load(p, word);
                lane = round(lane, word);
                p += 8;
            }
        }
        h = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
            std::rotl(lanes[3], 18);
        for (uint64_t lane : lanes) h = (h ^ round(0, lane)) * kP1 + kP4;
    } else {
        h = kP5;
    }
    h += input.size();
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        load(p, word);
        h = std::rotl(h ^ round(0, word), 27) * kP1 + kP4;
    }
    if (left >= 4) {
        uint32_t word;
        load(p, word);
        h = std::rotl(h ^ word * kP1, 23) * kP2 + kP3;
        p += 4;
        left -= 4;
    }
    for (; left > 0; --left, ++p) h = std::rotl(h ^ static_cast<uint8_t>(*p) * kP5, 11) * kP1;
    h = (h ^ h >> 33) * kP2;
    h = (h ^ h >> 29) * kP3;
    return h ^ h >> 32;
}

}  // namespace narthex
