#include "histogram/bucket_walk.h"

namespace narthex {

BucketWalk::BucketWalk(const FloatHistogramView& h, bool descending)
    : h_(h), negative_(!descending), run_(side().runs.size()), at_(side().counts.size()) {}

bool BucketWalk::next_inwards() {
    if (run_ == 0) return false;
    const BucketRun& run = side().runs[run_ - 1];
    index_ = run.end() - 1 - in_run_;
    count_ = side().counts[--at_];
    if (++in_run_ == run.length) {
        in_run_ = 0;
        --run_;
    }
    return true;
}

bool BucketWalk::next_outwards() {
    if (run_ == side().runs.size()) return false;
    const BucketRun& run = side().runs[run_];
    index_ = run.first + int64_t{in_run_};
    count_ = side().counts[at_++];
    if (++in_run_ == run.length) {
        in_run_ = 0;
        ++run_;
    }
    return true;
}

bool BucketWalk::next() {
    if (stage_ == Stage::kInwards) {
        if (next_inwards()) return true;
        stage_ = Stage::kZero;
    }
    if (stage_ == Stage::kZero) {
        stage_ = Stage::kOutwards;
        negative_ = !negative_;
        run_ = at_ = 0;
        if (h_.zero_count > 0) {
            zero_ = true;
            count_ = h_.zero_count;
            return true;
        }
    }
    zero_ = false;
    return next_outwards();
}

HistogramBucket BucketWalk::bucket() const {
    if (zero_) return zero_bucket(h_);
    return outside_zero(bucket_at(h_, negative_, index_, count_), h_.zero_threshold);
}

}  // namespace narthex
