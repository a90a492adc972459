#include "text/body_scan.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "bytes/error.h"
#include "labels/symbols.h"
#include "text/blank.h"
#include "text/number.h"

namespace narthex {

namespace {

// In the hashes of _created lines that are start times: the same text may be a series in another format.
constexpr uint32_t kCreatedLine = 0x9e3779b9;

uint32_t text_hash(std::string_view text) {
    return static_cast<uint32_t>(hash_bytes(text));
}

std::string quoted_token(const char* p, const char* end) {
    return p == end ? "nothing" : excerpt(p, end);
}

}  // namespace

BodyScan::BodyScan(ScrapeCache& cache, std::string_view body, const ScanOptions& options)
    : CacheScan(cache, options),
      begin_(body.data()),
      end_(body.data() + body.size()),
      p_(body.data()),
      text_(options.format == TextFormat::kText),
      trusted_(cache.format_ == options.format || cache.entries_.empty()),
      type_(options.first_piece ? MetricType::kUnknown : cache.type_) {}

ScanCounts BodyScan::run() {
    try {
        lines();
    } catch (const LineError& e) {
        fail(e.at, e.reason);
    }
    if (!text_ && !ended_ && options_.last_piece) fail(end_, "the body does not end with # EOF");
    cache_.type_ = type_;
    if (!cache_.parts_.empty()) convert_groups();
    if (!created_.empty()) give_starts();
    return counts_;
}

void BodyScan::fail(const char* at, const std::string& reason) const {
    auto line = 1 + std::count(begin_, at, '\n');
    throw DecodeError("line " + std::to_string(line) + ": " + reason, static_cast<size_t>(at - begin_));
}

const char* BodyScan::line_end(const char* p) const {
    if (p == end_) return end_;
    const void* newline = std::memchr(p, '\n', static_cast<size_t>(end_ - p));
    return newline == nullptr ? end_ : static_cast<const char*>(newline);
}

void BodyScan::lines() {
    while (p_ < end_) {
        if (trusted_ && expected_ < cache_.placed_ && try_entry(expected_)) continue;
        if (trusted_ && last_ != ScrapeCache::kNone && try_entry(last_)) continue;
        other_line();
        if (ended_) return;
    }
}

// The common cases: the line that stood here last time stands here again, or one more sample of the same
// series.
bool BodyScan::try_entry(uint32_t id) {
    const Entry& e = cache_.entries_[id];
    auto left = static_cast<size_t>(end_ - p_);
    size_t length = e.length;
    if (left < length || std::memcmp(p_, cache_.arena_.data() + e.offset, length) != 0) return false;
    const char* after = p_ + length;
    if (static_cast<LineKind>(e.kind) == LineKind::kSeries) {
        // A blank must follow; in the text format a bare name may go on with blanks and labels.
        if (after == end_ || !(*after == ' ' || (text_ && *after == '\t'))) return false;
        if (text_) {
            while (after < end_ && is_blank(*after)) ++after;
            if (after < end_ && *after == '{') return false;
        }
        meet(id);
        rest_of_line(id, after);
        return true;
    }
    if (after < end_ && *after != '\n') return false;
    if (static_cast<LineKind>(e.kind) == LineKind::kGroup) return false;
    meet_metadata(id);
    p_ = after == end_ ? end_ : after + 1;
    return true;
}

void BodyScan::other_line() {
    if (text_) {
        while (p_ < end_ && is_blank(*p_)) ++p_;
        if (p_ == end_) return;
        if (*p_ == '\n') {
            ++p_;
            return;
        }
    }
    if (*p_ == '#') {
        metadata_line();
    } else {
        series_line();
    }
}

void BodyScan::metadata_line() {
    const char* stop = line_end(p_);
    std::string_view text(p_, static_cast<size_t>(stop - p_));
    const char* next = stop == end_ ? end_ : stop + 1;
    uint32_t hash = text_hash(text);
    uint32_t id = trusted_ ? cache_.find(text, hash) : ScrapeCache::kNone;
    if (id == ScrapeCache::kNone) {
        MetadataLine line = parse_metadata_line(p_, stop, options_.format);
        if (line.kind == LineKind::kComment) {
            p_ = next;
            return;
        }
        if (line.kind == LineKind::kEof) {
            if (next != end_ || !options_.last_piece) fail(next, "unexpected data after # EOF");
            ended_ = true;
            p_ = end_;
            return;
        }
        if (!text_ && stop == end_) fail(stop, "the body does not end with # EOF");
        id = cache_.find(text, hash);
        if (id == ScrapeCache::kNone) {
            if (text.size() > ScrapeCache::kMaxText) fail(p_, "the line is too long");
            id = cache_.insert(text, hash, line.kind);
        }
        cache_.entries_[id].ref = static_cast<uint64_t>(line.type);
    }
    meet_metadata(id);
    p_ = next;
}

void BodyScan::series_line() {
    if (trusted_) {
        const char* after = skim_series(p_, end_);
        if (after != nullptr && after < end_ && (*after == ' ' || (text_ && *after == '\t'))) {
            std::string_view text(p_, static_cast<size_t>(after - p_));
            uint32_t hash = text_hash(text);
            uint32_t id = cache_.find(text, hash);
            if (id == ScrapeCache::kNone && options_.starts) id = cache_.find(text, hash ^ kCreatedLine);
            if (id != ScrapeCache::kNone) {
                meet(id);
                rest_of_line(id, after);
                return;
            }
        }
    }
    const char* after = parse_series(p_, end_, options_.format, labels_);
    std::string_view text(p_, static_cast<size_t>(after - p_));
    if (text.size() > ScrapeCache::kMaxText) fail(p_, "the series is too long");
    uint32_t hash = text_hash(text) ^ (is_created_line() ? kCreatedLine : 0);
    uint32_t id = cache_.find(text, hash);
    if (id != ScrapeCache::kNone) {
        // Another format may have brought it, which has no start times.
        if (options_.starts && (cache_.links_.empty() || cache_.links_[id].parent == kNoEntry))
            join_group(id);
    } else {
        id = cache_.insert(text, hash, LineKind::kSeries);
        cache_.entries_[id].type = static_cast<uint32_t>(type_) & 7;
        if (options_.type_and_unit && unit_line() != kNoEntry) {
            cache_.need_links();
            cache_.links_[id].unit = unit_line();
        }
        join_group(id);
    }
    meet(id);
    rest_of_line(id, after);
}

void BodyScan::rest_of_line(uint32_t id, const char* p) {
    if (text_) {
        while (p < end_ && is_blank(*p)) ++p;
    } else {
        if (p == end_ || *p != ' ') fail(p, "expected a space and a value, got " + quoted_token(p, end_));
        ++p;
    }
    double value;
    const char* number = p;
    p = value_token(p, value);
    int64_t timestamp = options_.default_timestamp;
    bool timed = false;
    if (p < end_ && *p != '\n') {
        p = text_ ? text_tail(p, timestamp, timed) : openmetrics_tail(p, timestamp, timed);
    }
    if (!timed && options_.timestamps_required)
        fail(number, "expected a timestamp after the value " + quoted_token(number, p));
    if (p < end_) {
        ++p;
    } else if (!text_) {
        fail(end_, "the body does not end with # EOF");
    }
    last_ = id;
    if (cache_.links_.empty() || !part_of_group(id, timestamp, timed, value))
        sample(id, timestamp, timed, value);
    if (has_exemplar_)
        keep_exemplar(id, timed && options_.honor_timestamps ? timestamp : options_.default_timestamp);
    p_ = p;
}

const char* BodyScan::token_end(const char* p) const {
    while (p < end_ && *p != '\n' && *p != ' ' && !(text_ && (*p == '\t' || *p == '{'))) ++p;
    return p;
}

const char* BodyScan::value_token(const char* p, double& value) {
    // A tab ends a number in the text format only.
    const char* after = parse_plain_decimal(p, end_, value);
    if (after != nullptr && (text_ || after == end_ || *after != '\t')) return after;
    after = token_end(p);
    std::optional<double> number = parse_float({p, static_cast<size_t>(after - p)});
    if (!number) fail(p, "expected a number as value, got " + quoted_token(p, after == p ? end_ : after));
    value = *number;
    return after;
}

const char* BodyScan::text_tail(const char* p, int64_t& timestamp, bool& timed) {
    while (p < end_ && is_blank(*p)) ++p;
    if (p == end_ || *p == '\n') return p;
    const char* stop = p;
    while (stop < end_ && *stop >= '0' && *stop <= '9') ++stop;
    std::optional<int64_t> ms = parse_digits({p, static_cast<size_t>(stop - p)});
    if (!ms)
        fail(p,
             "expected a timestamp in integer milliseconds or the end of the line, got " + excerpt(p, end_));
    p = stop;
    while (p < end_ && is_blank(*p)) ++p;
    if (p < end_ && *p != '\n')
        fail(p, "expected the end of the line after the timestamp, got " + excerpt(p, end_));
    timestamp = *ms;
    timed = true;
    return p;
}

const char* BodyScan::openmetrics_tail(const char* p, int64_t& timestamp, bool& timed) {
    if (end_ - p >= 2 && p[1] != '#') {
        const char* stop = token_end(p + 1);
        std::optional<int64_t> ms = parse_seconds({p + 1, static_cast<size_t>(stop - p - 1)});
        if (!ms) fail(p + 1, "expected a timestamp in seconds, got " + quoted_token(p + 1, end_));
        timestamp = *ms;
        timed = true;
        p = stop;
    }
    if (p < end_ && *p != '\n') p = read_exemplar(p);
    return p;
}

// " # {labels} value [timestamp]": checked and skipped.
const char* BodyScan::read_exemplar(const char* p) {
    if (end_ - p < 4 || std::memcmp(p, " # {", 4) != 0) {
        fail(p, "expected an exemplar or the end of the line, got " + quoted_token(p, end_));
    }
    p = parse_label_pairs(p + 3, end_, options_.format, labels_);
    if (p == end_ || *p != ' ')
        fail(p, "expected a space and the exemplar's value, got " + quoted_token(p, end_));
    const char* stop = token_end(p + 1);
    std::optional<double> value = parse_float({p + 1, static_cast<size_t>(stop - p - 1)});
    if (!value) fail(p + 1, "expected a number as the exemplar's value, got " + quoted_token(p + 1, end_));
    exemplar_value_ = *value;
    exemplar_time_.reset();
    p = stop;
    if (p < end_ && *p == ' ') {
        stop = token_end(p + 1);
        exemplar_time_ = parse_seconds({p + 1, static_cast<size_t>(stop - p - 1)});
        if (!exemplar_time_) {
            fail(p + 1, "expected the exemplar's timestamp in seconds, got " + quoted_token(p + 1, end_));
        }
        p = stop;
    }
    if (p < end_ && *p != '\n')
        fail(p, "expected the end of the line after the exemplar, got " + excerpt(p, end_));
    ++counts_.exemplars;
    has_exemplar_ = options_.exemplars;
    return p;
}

void BodyScan::keep_exemplar(uint32_t id, int64_t timestamp) {
    has_exemplar_ = false;
    std::vector<std::string> texts;
    texts.reserve(2 * labels_.size());
    LabelViews pairs;
    for (const RawLabel& label : labels_) {
        const std::string& name = texts.emplace_back(unescape(label.name));
        pairs.emplace_back(name, texts.emplace_back(unescape(label.value)));
    }
    const ScrapeCache::Link* link = cache_.links_.empty() ? nullptr : &cache_.links_[id];
    if (link == nullptr || !link->swallowed)
        exemplar(id, exemplar_time_.value_or(timestamp), exemplar_value_, pairs);
    // Of a native histogram, exemplars without a time are of no use.
    if (link != nullptr && is_histogram_part(link->part) && exemplar_time_)
        exemplar(link->parent, *exemplar_time_, exemplar_value_, pairs);
}

}  // namespace narthex
