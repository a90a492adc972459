#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "chunk/histogram.h"
#include "chunk/padded_bits.h"
#include "chunk/varbit.h"

namespace narthex {

namespace {

constexpr ResetHint kHintOfBits[4] = {ResetHint::kUnknown, ResetHint::kNotReset, ResetHint::kReset,
                                      ResetHint::kGauge};

uint64_t checked_uint(PaddedBits& in) {
    uint64_t v = take_varbit_uint(in);
    in.check();
    return v;
}

int64_t checked_int(PaddedBits& in) {
    int64_t v = take_varbit_int(in);
    in.check();
    return v;
}

double checked_float(PaddedBits& in) {
    uint64_t v = in.take(64);
    in.check();
    return std::bit_cast<double>(v);
}

// A byte: 0 for zero, 255 for a float that follows, else the power of two it stands for.
double take_zero_threshold(PaddedBits& in) {
    auto code = static_cast<int>(in.take(8));
    if (code == 255) return checked_float(in);
    in.check();
    return code == 0 ? 0 : std::ldexp(0.5, code - 243);
}

// `smallest` is the number of bits a bucket takes in the first sample, which bounds how many there can be.
std::vector<BucketSpan> take_spans(PaddedBits& in, unsigned smallest) {
    uint64_t n = checked_uint(in);
    if (n > in.remaining() / 2) throw DecodeError("more spans than the chunk has room for", in.byte());
    std::vector<BucketSpan> out;
    out.reserve(n);
    int64_t index = 0;
    uint64_t buckets = 0;
    for (; n > 0; --n) {
        uint64_t length = checked_uint(in);
        int64_t offset = checked_int(in);
        if (length > in.remaining() / smallest || (buckets += length) > in.remaining() / smallest)
            throw DecodeError("more buckets than the chunk has room for", in.byte());
        if (offset != static_cast<int32_t>(offset) || (offset < 0 && !out.empty()))
            throw DecodeError("bad offset of a bucket span", in.byte());
        index += offset + static_cast<int64_t>(length);
        if (index != static_cast<int32_t>(index)) throw DecodeError("bucket index is too large", in.byte());
        out.push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
    }
    return out;
}

// Thousandths from 1, or 0 and a float that follows.
double take_bound(PaddedBits& in) {
    uint64_t code = checked_uint(in);
    return code == 0 ? checked_float(in) : static_cast<double>(code - 1) / 1000;
}

void take_bounds(PaddedBits& in, HistogramLayout& layout) {
    uint64_t n = checked_uint(in);
    if (n > in.remaining() / 5)
        throw DecodeError("more bucket bounds than the chunk has room for", in.byte());
    layout.bounds.reserve(n);
    for (; n > 0; --n) {
        double bound = take_bound(in);
        bool ascends = layout.bounds.empty() ? !std::isnan(bound) : bound > layout.bounds.back();
        if (!ascends) throw DecodeError("bucket bounds do not ascend", in.byte());
        layout.bounds.push_back(bound);
    }
    if (!layout.negative.empty()) throw DecodeError("custom buckets on the negative side", in.byte());
    int64_t end = 0;
    for (BucketSpan s : layout.positive) {
        if (end == 0 && s.offset < 0) throw DecodeError("custom bucket with a negative index", in.byte());
        end += s.offset + static_cast<int64_t>(s.length);
    }
    if (end > static_cast<int64_t>(layout.bounds.size()) + 1)
        throw DecodeError("custom bucket beyond the last bound", in.byte());
}

HistogramLayout take_layout(PaddedBits& in, bool floats) {
    HistogramLayout out;
    out.zero_threshold = take_zero_threshold(in);
    int64_t schema = checked_int(in);
    if (schema != kCustomBuckets && (schema < kMinSchema || schema > kMaxReservedSchema))
        throw DecodeError("unknown histogram schema " + std::to_string(schema), in.byte());
    out.schema = static_cast<int32_t>(schema);
    unsigned smallest = floats ? 64 : 1;
    out.positive = take_spans(in, smallest);
    out.negative = take_spans(in, smallest);
    if (out.width() > in.remaining() / smallest)
        throw DecodeError("more buckets than the chunk has room for", in.byte());
    if (schema == kCustomBuckets) take_bounds(in, out);
    return out;
}

// A number that is written as the difference of its difference.
struct Integer {
    uint64_t v = 0;
    uint64_t delta = 0;

    void take(PaddedBits& in) {
        delta += static_cast<uint64_t>(checked_int(in));
        v += delta;
    }
};

// Counts of integer histograms. A bucket is coded as its difference to the bucket before.
class IntegerCounts {
  public:
    void begin(PaddedBits& in) {
        count_.v = checked_uint(in);
        zero_count_.v = checked_uint(in);
    }
    void next(PaddedBits& in) {
        count_.take(in);
        zero_count_.take(in);
    }
    void begin_buckets(PaddedBits& in, size_t width) {
        buckets_.resize(width);
        for (Integer& b : buckets_) b.v = static_cast<uint64_t>(checked_int(in));
    }
    void next_buckets(PaddedBits& in) {
        for (Integer& b : buckets_) b.take(in);
    }
    HistogramCell count() const { return {.i = static_cast<int64_t>(count_.v)}; }
    HistogramCell zero_count() const { return {.i = static_cast<int64_t>(zero_count_.v)}; }
    void write(size_t positive, HistogramCell* to) const {
        uint64_t sum = 0;
        for (size_t k = 0; k < buckets_.size(); ++k) {
            sum = k == positive ? buckets_[k].v : sum + buckets_[k].v;
            to[k].i = static_cast<int64_t>(sum);
        }
    }

  private:
    Integer count_, zero_count_;
    std::vector<Integer> buckets_;
};

// Counts of float histograms, each with a window of its own.
class FloatCounts {
  public:
    void begin(PaddedBits& in) {
        for (XorWindow* w : {&count_, &zero_count_}) w->bits = std::bit_cast<uint64_t>(checked_float(in));
    }
    void next(PaddedBits& in) {
        for (XorWindow* w : {&count_, &zero_count_}) take(*w, in);
    }
    void begin_buckets(PaddedBits& in, size_t width) {
        buckets_.resize(width);
        for (XorWindow& w : buckets_) w.bits = std::bit_cast<uint64_t>(checked_float(in));
    }
    void next_buckets(PaddedBits& in) {
        for (XorWindow& w : buckets_) take(w, in);
    }
    HistogramCell count() const { return {.f = std::bit_cast<double>(count_.bits)}; }
    HistogramCell zero_count() const { return {.f = std::bit_cast<double>(zero_count_.bits)}; }
    void write(size_t, HistogramCell* to) const {
        for (size_t k = 0; k < buckets_.size(); ++k) to[k].f = std::bit_cast<double>(buckets_[k].bits);
    }

  private:
    static void take(XorWindow& w, PaddedBits& in) {
        w.take(in);
        in.check();
    }
    XorWindow count_, zero_count_;
    std::vector<XorWindow> buckets_;
};

// One chunk from its first sample to its last.
template <typename Counts>
class HistogramDecoder {
  public:
    HistogramDecoder(PaddedBits in, uint8_t start_header, bool gauge, HistogramColumns& out)
        : in_(in), starts_(start_header), gauge_(gauge), out_(out) {}

    void run(unsigned count, int64_t mint, int64_t maxt) {
        constexpr bool floats = std::is_same_v<Counts, FloatCounts>;
        HistogramLayout layout = take_layout(in_, floats);
        width_ = layout.width();
        positive_ = layout.positive_buckets();
        if (layout.schema > kMaxSchema) layout = reduce_schema(layout, kMaxSchema, reduced_);
        uint32_t whole = 0, empty = 0;
        bool have_whole = false, have_empty = false;
        for (unsigned i = 0; i < count; ++i) {
            take_sample(i);
            if (t() > maxt) return;
            if (t() < mint) continue;
            bool stale = is_stale(std::bit_cast<double>(sum_.bits));
            if (stale) {
                if (!have_empty) empty = out_.use_layout({});
                have_empty = true;
                out_.push(empty, floats, t(), start_, {.i = 0}, {.i = 0}, stale_nan(), ResetHint::kUnknown);
                continue;
            }
            if (!have_whole) whole = out_.use_layout(layout);
            have_whole = true;
            ResetHint hint = gauge_ ? ResetHint::kGauge : i == 0 ? ResetHint::kUnknown : ResetHint::kNotReset;
            write_buckets(out_.push(whole, floats, t(), start_, counts_.count(), counts_.zero_count(),
                                    std::bit_cast<double>(sum_.bits), hint));
        }
    }

  private:
    int64_t t() const { return static_cast<int64_t>(time_.v); }

    void take_sample(unsigned i) {
        int64_t before = t();
        if (i == 0) {
            time_.v = static_cast<uint64_t>(checked_int(in_));
            counts_.begin(in_);
            sum_.bits = std::bit_cast<uint64_t>(checked_float(in_));
            counts_.begin_buckets(in_, width_);
        } else {
            time_.take(in_);
            counts_.next(in_);
            sum_.take(in_);
            in_.check();
            if (!is_stale(std::bit_cast<double>(sum_.bits))) counts_.next_buckets(in_);
        }
        start_ = starts_.take(in_, i, t(), before);
        in_.check();
    }

    void write_buckets(std::span<HistogramCell> to) {
        if (reduced_.empty()) {
            counts_.write(positive_, to.data());
            return;
        }
        fine_.resize(width_);
        counts_.write(positive_, fine_.data());
        std::fill(to.begin(), to.end(), HistogramCell{});
        constexpr bool floats = std::is_same_v<Counts, FloatCounts>;
        for (size_t k = 0; k < width_; ++k) add_cell(to[reduced_[k]], fine_[k], floats);
    }

    PaddedBits in_;
    StartTimeReader starts_;
    bool gauge_;
    HistogramColumns& out_;
    size_t width_ = 0, positive_ = 0;
    std::vector<uint32_t> reduced_;  // bucket of the chunk -> bucket of the layout, when it was reduced
    std::vector<HistogramCell> fine_;
    Integer time_;
    int64_t start_ = 0;
    XorWindow sum_;
    Counts counts_;
};

}  // namespace

ResetHint histogram_reset_header(std::span<const uint8_t> chunk, uint8_t encoding) {
    if (chunk.size() < kHistogramHeader) throw DecodeError("chunk header is cut", chunk.size());
    return kHintOfBits[chunk[is_histogram_with_start_times(encoding) ? 0 : 2] >> 6];
}

void histogram_decode(std::span<const uint8_t> chunk, uint8_t encoding, int64_t mint, int64_t maxt,
                      HistogramColumns& out) {
    unsigned count = chunk_sample_count(chunk, encoding);
    if (count == 0) return;
    PaddedChunk padded(chunk, kHistogramHeader);
    // A sample takes four bits or more: a header that promises more is a lie not worth memory.
    if (padded.size() * 2 < count) throw DecodeError("chunk ends early", chunk.size());
    bool gauge = histogram_reset_header(chunk, encoding) == ResetHint::kGauge;
    uint8_t start_header = is_histogram_with_start_times(encoding) ? chunk[2] : 0;
    if (is_float_histogram(encoding)) {
        HistogramDecoder<FloatCounts>(padded.bits(), start_header, gauge, out).run(count, mint, maxt);
    } else {
        HistogramDecoder<IntegerCounts>(padded.bits(), start_header, gauge, out).run(count, mint, maxt);
    }
}

}  // namespace narthex
