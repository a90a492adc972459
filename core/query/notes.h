// What kernels have to tell users about histograms and start times, as bits: Prometheus' annotations.
#pragma once

#include <cstdint>

namespace narthex {

// The numbers are part of the binding; src/narthex/promql/histogram_notes.py has the words.
enum Note : uint32_t {
    kNoteMixedSamples = 1u << 0,   // numbers and histograms where one kind is needed
    kNoteMixedSchemas = 1u << 1,   // exponential and custom buckets
    kNoteNotCounter = 1u << 2,     // a gauge where a counter is meant
    kNoteNotGauge = 1u << 3,       // a counter where a gauge is meant
    kNoteIgnored = 1u << 4,        // histograms left out of a window that has numbers
    kNoteReconciledAdd = 1u << 5,  // custom bounds were reconciled: in an addition,
    kNoteReconciledSub = 1u << 6,  // in a subtraction,
    kNoteReconciledAgg = 1u << 7,  // in an aggregation
    kNoteCollisionAdd = 1u << 8,   // hints about counter resets contradict each other
    kNoteCollisionSub = 1u << 9,
    kNoteCollisionAgg = 1u << 10,
    kNoteNaNQuantile = 1u << 11,     // observations of NaN: the quantile is one,
    kNoteSkewedQuantile = 1u << 12,  // or is skewed by them
    kNoteNaNFraction = 1u << 13,     // or they are in no fraction
    kNoteFloatFloat = 1u << 14,      // operands that an operator does not take
    kNoteFloatHistogram = 1u << 15,
    kNoteHistogramFloat = 1u << 16,
    kNoteHistogramHistogram = 1u << 17,
    kNoteIncompatible = 1u << 18,  // bucket layouts that an operator cannot join
    kNoteMixedAgg = 1u << 19,      // numbers and histograms in an aggregation
    kNoteStartOverlap = 1u << 20,  // a start time before the sample before
};

}  // namespace narthex
