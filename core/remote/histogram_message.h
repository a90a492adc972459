// A native histogram as remote write has it (prometheus.Histogram and io.prometheus.write.v2.Histogram are
// the same but for the start time).
#pragma once

#include <cstdint>
#include <vector>

#include "bytes/protobuf.h"
#include "chunk/histogram_batch.h"
#include "chunk/histogram_message.h"

namespace narthex {

// Reads messages one after the other; keeps its memory in between.
class HistogramMessages {
  public:
    struct Times {
        int64_t t = 0;
        int64_t start = 0;  // 0: unknown
    };
    // Adds the histogram to the batch, a faulty one with its fault, unless it is later than `latest`; gives
    // its times. Throws DecodeError.
    Times read(ProtoReader in, int64_t latest, HistogramBatch& out);

  private:
    HistogramLayout layout_;
    BucketCounts positive_, negative_;
    std::vector<HistogramCell> cells_;
};

}  // namespace narthex
