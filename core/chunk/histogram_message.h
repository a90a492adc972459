// What the protobuf messages of a native histogram have in common: prometheus.Histogram and
// io.prometheus.write.v2.Histogram of remote write and read, and Histogram of the client model
// (https://github.com/prometheus/client_model), which numbers its fields otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bytes/protobuf.h"
#include "chunk/histogram_columns.h"

namespace narthex {

// A BucketSpan message. Throws DecodeError.
BucketSpan read_span(ProtoReader in);

// One sign's buckets as they came: integers as differences to the bucket before, floats as they are.
struct BucketCounts {
    std::vector<int64_t> deltas;
    std::vector<double> counts;

    void clear() {
        deltas.clear();
        counts.clear();
    }
    // Appends absolute counts of the one kind or the other. Sums wrap, so that hostile deltas do no harm.
    void append_to(std::vector<HistogramCell>& cells, bool floats) const;
};

// Appends the fields of a histogram's message of remote write or read, but for its times.
void write_histogram_fields(const HistogramView& value, std::vector<uint8_t>& out);

}  // namespace narthex
