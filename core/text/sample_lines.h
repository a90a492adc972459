// Stored samples as lines of text, for dumps.
#pragma once

#include <cstdint>
#include <string>

#include "chunk/series_batch.h"
#include "text/quoting.h"

namespace narthex {

enum class SampleLineFormat : uint8_t {
    kDump,         // {__name__="up", job="x"} 1 1700000000000
    kOpenMetrics,  // up{job="x"} 1 1700000000.000; histograms are left out
};

// Writes the samples with mint <= t <= maxt of rows from `first` on, in time order a row, until about
// `budget` bytes are there; gives the next row. Numbers are the shortest that read back, with an exponent
// from 1e+06 on and below 1e-04. Throws DecodeError on a broken chunk.
size_t write_sample_lines(const SeriesBatch& batch, size_t first, int64_t mint, int64_t maxt,
                          SampleLineFormat format, const QuotedTexts& quoted, size_t budget,
                          std::string& out);

}  // namespace narthex
