// Remote read as a server: what is asked for (prometheus.ReadRequest), and the two forms of answers, samples
// (prometheus.ReadResponse) and frames of chunks (prometheus.ChunkedReadResponse). Times are milliseconds.
// Format: docs/formats/remote-read.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chunk/series_batch.h"

namespace narthex {

// Most bytes of a request when decompressed.
inline constexpr size_t kMostReadBytes = size_t{32} << 20;

struct ReadMatcher {
    uint32_t type = 0;  // 0 equal, 1 not equal, 2 regular expression, 3 its negation
    std::string name;
    std::string value;
};

struct ReadQuery {
    int64_t mint = 0, maxt = 0;  // inclusive
    // What is going to be used of that; the same without hints.
    int64_t used_mint = 0, used_maxt = 0;
    std::vector<ReadMatcher> matchers;
};

struct ReadRequest {
    std::vector<ReadQuery> queries;
    std::vector<uint32_t> accepted;  // types of responses by preference: 0 samples, 1 streamed chunks
};

// Decodes a request in snappy's block format. Throws DecodeError.
ReadRequest decode_read_request(std::span<const uint8_t> compressed);

// Labels that every series of an answer has besides its own, unless it has one of that name.
using ExternalLabels = std::vector<std::pair<std::string, std::string>>;

// Appends one query's result, with the samples in [mint, maxt], to a ReadResponse. `limit` (0: none) is how
// many samples that may be; throws LimitError, and DecodeError on a broken chunk.
void write_read_result(const SeriesBatch& batch, int64_t mint, int64_t maxt, const ExternalLabels& external,
                       size_t limit, std::vector<uint8_t>& out);

// The frames of one query, a few at a time. Chunks go out as they are stored where readers know their
// encoding and those of a series do not overlap, and then may hold samples outside [mint, maxt].
class ReadFrames {
  public:
    // A frame takes about `frame_bytes` at most. The batch must outlive this.
    ReadFrames(const SeriesBatch& batch, int64_t mint, int64_t maxt, ExternalLabels external, uint64_t query,
               size_t frame_bytes);
    // Appends whole frames until `out` holds `wanted` bytes; adds nothing when there are no more. Throws
    // DecodeError.
    void next(size_t wanted, std::vector<uint8_t>& out);

  private:
    void write_row(std::vector<uint8_t>& out);

    const SeriesBatch& batch_;
    const int64_t mint_, maxt_;
    const ExternalLabels external_;
    const uint64_t query_;
    const size_t frame_bytes_;
    size_t row_ = 0;
};

}  // namespace narthex
