#include "exposition/histogram_message.h"

#include <limits>

#include "chunk/stale.h"

namespace narthex {

namespace {

constexpr int32_t kMinReducedSchema = -4;

// The spans without the buckets that `keep` refuses.
template <typename Keep>
std::vector<BucketSpan> thinned(const std::vector<BucketSpan>& spans, size_t first, Keep&& keep) {
    std::vector<int32_t> indices = bucket_indices(spans), kept;
    for (size_t i = 0; i < indices.size(); ++i) {
        if (keep(first + i)) kept.push_back(indices[i]);
    }
    return spans_of(kept);
}

}  // namespace

std::optional<int64_t> read_timestamp(ProtoReader in) {
    int64_t seconds = 0, nanos = 0;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                seconds = in.int64();
                break;
            case 2:
                nanos = in.int32();
                break;
            default:
                in.skip();
        }
    }
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000 - 1;
    if (seconds > kMost || seconds < -kMost || nanos < 0 || nanos > 999'999'999) return {};
    return seconds * 1000 + nanos / 1'000'000;
}

template <typename T>
void HistogramMessage::push(std::vector<T>& column, T value, const ProtoReader& in) {
    if (column.size() >= kMaxBuckets) in.fail("a histogram with too many buckets");
    column.push_back(value);
}

void HistogramMessage::read_bucket(ProtoReader in) {
    ClassicBucket bucket{0, 0, {}, false};
    uint64_t count = 0;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                count = in.uint64();
                break;
            case 2:
                bucket.bound = plain_number(in.float64());
                break;
            case 3:
                bucket.exemplar = in.bytes();
                bucket.has_exemplar = true;
                break;
            case 4:
                bucket.count = plain_number(in.float64());
                break;
            default:
                in.skip();
        }
    }
    if (!(bucket.count > 0)) bucket.count = static_cast<double>(count);
    push(buckets_, bucket, in);
}

void HistogramMessage::read(ProtoReader in) {
    count_ = zero_count_ = 0;
    count_float_ = zero_count_float_ = sum_ = zero_threshold_ = 0;
    schema_ = 0;
    start_ = 0;
    has_spans_ = false;
    buckets_.clear();
    positive_.clear();
    negative_.clear();
    positive_counts_.clear();
    negative_counts_.clear();
    exemplars_.clear();
    while (in.next()) {
        switch (in.field()) {
            case 1:
                count_ = in.uint64();
                break;
            case 2:
                sum_ = plain_number(in.float64());
                break;
            case 3:
                read_bucket(in.message());
                break;
            case 4:
                count_float_ = plain_number(in.float64());
                break;
            case 5:
                schema_ = in.sint32();
                break;
            case 6:
                zero_threshold_ = plain_number(in.float64());
                break;
            case 7:
                zero_count_ = in.uint64();
                break;
            case 8:
                zero_count_float_ = plain_number(in.float64());
                break;
            case 9:
                push(negative_, read_span(in.message()), in);
                has_spans_ = true;
                break;
            case 10:
                in.each_sint64([&](int64_t v) { push(negative_counts_.deltas, v, in); });
                break;
            case 11:
                in.each_double([&](double v) { push(negative_counts_.counts, plain_number(v), in); });
                break;
            case 12:
                push(positive_, read_span(in.message()), in);
                has_spans_ = true;
                break;
            case 13:
                in.each_sint64([&](int64_t v) { push(positive_counts_.deltas, v, in); });
                break;
            case 14:
                in.each_double([&](double v) { push(positive_counts_.counts, plain_number(v), in); });
                break;
            case 15:
                start_ = read_timestamp(in.message()).value_or(0);
                break;
            case 16:
                push(exemplars_, in.bytes(), in);
                break;
            default:
                in.skip();
        }
    }
}

void HistogramMessage::gather_cells(HistogramLayout& layout) {
    layout = {schema_, zero_threshold_, positive_, negative_, {}};
    cells_.clear();
    positive_counts_.append_to(cells_, floats());
    positive_cells_ = cells_.size();
    negative_counts_.append_to(cells_, floats());
}

void HistogramMessage::drop_empty(HistogramLayout& layout) {
    auto used = [this](size_t i) { return floats() ? cells_[i].f != 0 : cells_[i].i != 0; };
    size_t kept = 0, kept_positive = 0;
    for (size_t i = 0; i < cells_.size(); ++i) kept += used(i);
    if (kept == cells_.size()) return;
    layout.positive = thinned(layout.positive, 0, used);
    layout.negative = thinned(layout.negative, positive_cells_, used);
    kept = 0;
    for (size_t i = 0; i < cells_.size(); ++i) {
        if (!used(i)) continue;
        kept_positive += i < positive_cells_;
        cells_[kept++] = cells_[i];
    }
    cells_.resize(kept);
    positive_cells_ = kept_positive;
}

bool HistogramMessage::reduce(HistogramLayout& layout, int32_t schema) {
    if (schema < kMinReducedSchema) return false;
    std::vector<uint32_t> to;
    layout = reduce_schema(layout, schema, to);
    std::vector<HistogramCell> coarse(layout.width(), HistogramCell{.i = 0});
    for (size_t i = 0; i < cells_.size(); ++i) add_cell(coarse[to[i]], cells_[i], floats());
    cells_ = std::move(coarse);
    positive_cells_ = layout.positive_buckets();
    return true;
}

bool HistogramMessage::add_native(bool gauge, const HistogramOptions& options, HistogramBatch& out) {
    HistogramLayout layout;
    gather_cells(layout);
    bool fits = true;
    if (schema_ != kCustomBuckets &&
        check_layout(layout, positive_cells_, cells_.size() - positive_cells_) == HistogramFault::kNone) {
        drop_empty(layout);
        if (layout.schema > options.max_schema) reduce(layout, options.max_schema);
        while (options.bucket_limit != 0 && cells_.size() > options.bucket_limit && fits)
            fits = reduce(layout, layout.schema - 1);
    }
    HistogramCell count{.f = count_float_}, zero_count{.f = zero_count_float_};
    if (!floats()) {
        count.i = static_cast<int64_t>(count_);
        zero_count.i = static_cast<int64_t>(zero_count_);
    }
    ResetHint hint = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
    out.add({layout,
             floats(),
             positive_cells_,
             cells_.size() - positive_cells_,
             {&count, 1},
             {&zero_count, 1},
             {&sum_, 1},
             {&hint, 1},
             cells_});
    return fits;
}

}  // namespace narthex
