// Query results with native histograms as JSON: as json/result.h, but numbers stand in "value" or "values"
// and histograms in "histogram" or "histograms".
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "labels/label_sets.h"
#include "query/grid.h"
#include "query/histogram_pool.h"
#include "query/select.h"

namespace narthex {

// `cells` are one a row, `t` milliseconds.
std::string mixed_vector_json(const LabelSets& rows, const double* cells, int64_t t,
                              const HistogramPool& pool);

// `cells` are rows x grid.count. For a range of rows as MatrixJson.
std::string mixed_matrix_json(const LabelSets& rows, const double* cells, const StepGrid& grid,
                              RowRange range, const HistogramPool& pool);

// Rows with times of their own, as SamplesJson.
std::string mixed_samples_json(const LabelSets& rows, std::span<const uint64_t> offsets, const int64_t* times,
                               const double* cells, const HistogramPool& pool);

}  // namespace narthex
