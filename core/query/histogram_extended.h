// `anchored` and `smoothed` selectors of series that have native histograms: as query/extended.h.
#pragma once

#include "query/extended.h"
#include "query/histogram_windows.h"

namespace narthex {

// Windows that hold both kinds within reach have no rate. changes and resets count from the newest sample of
// either kind at or before a window's start.
void mixed_extended_row(const ExtendedCall& call, MixedRow& row, double* out);

// A smoothed instant selector.
void mixed_smoothed_row(const LookbackCall& call, MixedRow& row, double* out);

}  // namespace narthex
