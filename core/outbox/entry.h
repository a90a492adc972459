// One thing to send.
#pragma once

#include <cstdint>
#include <vector>

namespace narthex {

enum class EntryKind : uint8_t { kFloat, kHistogram, kExemplar };

struct Entry {
    int64_t t;
    int64_t start;   // start time, 0: unknown
    uint64_t value;  // bits of a float or of an exemplar's value
    uint64_t mark;   // place in the log, ascending
    uint32_t row;    // of SeriesNames
    EntryKind kind;
    // Fields of the histogram's message but for its times; an exemplar's labels as strings with their
    // lengths.
    std::vector<uint8_t> rest;
};

}  // namespace narthex
