// Where a kernel's samples come from: chunks of a selection, or the rows of a matrix (a subquery's result).
#pragma once

#include "chunk/series_batch.h"
#include "query/budget.h"
#include "query/grid.h"

namespace narthex {

// A matrix is row-major; a stale marker in a cell means "no value".
struct MatrixView {
    const double* values;
    size_t rows;
    StepGrid grid;

    const double* row(size_t i) const { return values + i * grid.count; }
};

// Reads rows of either kind. The spans it gives live until the next call on the same buffer.
class SampleSource {
  public:
    explicit SampleSource(const SeriesBatch& batch) : batch_(&batch) {}
    explicit SampleSource(const MatrixView& matrix) : matrix_(matrix) {}

    size_t rows() const { return batch_ ? batch_->rows() : matrix_.rows; }
    // The samples in windows (t - range, t], t being the grid's steps, stale markers included; others may
    // come along.
    Samples read(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const;
    // The same without stale markers.
    Samples read_values(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const;

  private:
    const SeriesBatch* batch_ = nullptr;
    MatrixView matrix_{};
};

}  // namespace narthex
