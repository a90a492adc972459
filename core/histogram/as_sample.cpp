#include "histogram/as_sample.h"

namespace narthex {

namespace {

std::vector<BucketSpan> spans(const std::vector<BucketRun>& runs) {
    std::vector<BucketSpan> out;
    int64_t end = 0;
    for (BucketRun run : runs) {
        out.push_back({static_cast<int32_t>(run.first - end), run.length});
        end = run.end();
    }
    return out;
}

}  // namespace

void add_sample(HistogramBatch& out, const FloatHistogram& value, bool floats) {
    auto cell = [floats](double n) {
        return floats ? HistogramCell{.f = n} : HistogramCell{.i = static_cast<int64_t>(n)};
    };
    auto bounds = value.view().bounds();
    HistogramLayout layout{value.schema,
                           value.zero_threshold,
                           spans(value.positive.runs),
                           spans(value.negative.runs),
                           {bounds.begin(), bounds.end()}};
    HistogramCell count = cell(value.count), zero_count = cell(value.zero_count);
    std::vector<HistogramCell> buckets;
    for (const Buckets* side : {&value.positive, &value.negative}) {
        for (double n : side->counts) buckets.push_back(cell(n));
    }
    out.add({layout,
             floats,
             value.positive.counts.size(),
             value.negative.counts.size(),
             {&count, 1},
             {&zero_count, 1},
             {&value.sum, 1},
             {&value.hint, 1},
             buckets});
}

}  // namespace narthex
