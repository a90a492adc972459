#include "histogram/text.h"

#include "histogram/bucket_bounds.h"
#include "json/number.h"

namespace narthex {

namespace {

void append_number(std::string& out, double v) {
    char buffer[kNumberSpace];
    out.append(buffer, write_general(buffer, v));
}

void append_shown(std::string& out, const HistogramBucket& b) {
    if (b.count == 0) return;
    out += b.lower_inclusive ? ", [" : ", (";
    append_number(out, b.lower);
    out += ',';
    append_number(out, b.upper);
    out += b.upper_inclusive ? "]:" : "):";
    append_number(out, b.count);
}

}  // namespace

std::string histogram_text(const FloatHistogramView& h) {
    std::string out = "{count:";
    append_number(out, h.count);
    out += ", sum:";
    append_number(out, h.sum);
    // Other than in JSON results bounds are those of the buckets, also where the zero bucket covers a part.
    size_t left = h.negative.counts.size();
    for (size_t r = h.negative.runs.size(); r > 0; --r) {
        const BucketRun& run = h.negative.runs[r - 1];
        for (int64_t index = run.end() - 1; index >= run.first; --index)
            append_shown(out, bucket_at(h, true, index, h.negative.counts[--left]));
    }
    if (!h.custom()) append_shown(out, zero_bucket(h));
    size_t at = 0;
    for (BucketRun run : h.positive.runs) {
        for (int64_t index = run.first; index < run.end(); ++index)
            append_shown(out, bucket_at(h, false, index, h.positive.counts[at++]));
    }
    return out + "}";
}

}  // namespace narthex
