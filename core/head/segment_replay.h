// Reading the log at start, whoever wants the records.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bytes/error.h"
#include "wal/pages.h"

namespace narthex {

// What a segment held. Where it is damaged, `good_end` and `fault` tell of the first place; what lies behind
// it was read as well.
struct ReplayCounts {
    uint64_t records = 0;
    uint64_t series = 0;
    uint64_t samples = 0;         // applied floats
    uint64_t histograms = 0;      // applied
    uint64_t exemplars = 0;       // applied
    uint64_t old_samples = 0;     // before the head's min valid time, or already there
    uint64_t unknown_refs = 0;    // samples of series that no record names
    uint64_t invalid_series = 0;  // label sets that no writer should have written
    uint64_t tombstones = 0;
    uint64_t markers = 0;             // of mapped chunks, in the log of out-of-order samples
    uint64_t skipped_records = 0;     // of types that are not kept
    uint64_t invalid_histograms = 0;  // of unknown schemas, or that make no sense
    uint64_t unknown_records = 0;     // of types that no version writes
    uint64_t faults = 0;
    size_t good_end = 0;
    std::string fault;
};

// Gives each record to use(record, counts). One that it throws a DecodeError on is a fault like a bad
// checksum; reading goes on behind a fault. `sound`, when given, gets the records without fault: what a
// damaged segment is to be replaced with.
template <typename Use>
ReplayCounts replay_segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound,
                            Use&& use) {
    ReplayCounts counts;
    WalReader in(bytes, zstd);
    std::span<const uint8_t> next;
    for (bool more = true; more;) {
        size_t good_end = in.good_end();
        try {
            // Decompression may call back into Python, which must not happen under a lock: `use` takes its
            // own.
            more = in.next(next);
            if (!more) break;
            ++counts.records;
            if (next.empty()) throw DecodeError("empty record", 0);
            use(next, counts);
            if (sound != nullptr) sound->record(next);
        } catch (const DecodeError& e) {
            if (counts.faults++ == 0) {
                counts.fault = e.what();
                counts.good_end = good_end;
            }
            more = in.skip_damage();
        }
    }
    if (counts.faults == 0) counts.good_end = bytes.size();
    return counts;
}

}  // namespace narthex
