#include "head/agent.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "wal/histogram_records.h"
#include "wal/sample_records.h"

namespace narthex {

namespace {

std::string identity(int64_t t, double value, std::string_view labels) {
    return std::to_string(t) + ' ' + std::to_string(std::bit_cast<uint64_t>(value)) + ' ' +
           std::string(labels);
}

}  // namespace

Agent::Agent(int64_t window, bool store_starts, bool start_zeros)
    : window_(window), store_starts_(store_starts), start_zeros_(start_zeros) {
    if (window < 0) throw std::invalid_argument("the out-of-order window is negative");
}

// `ref` 0: take the next free one.
uint32_t Agent::create_or_find(std::span<const LabelPair> pairs, uint64_t ref) {
    uint32_t hash = hash_pairs(pairs);
    uint32_t slot = table_.find(pairs, hash);
    if (slot != RefMap::kNone) return slot;
    bool fresh = ref == 0;
    if (fresh) ref = last_ref_ + 1;
    last_ref_ = std::max(last_ref_, ref);
    ++counts_.created;
    if (fresh) unlogged_.push_back(ref);
    return table_.add(ref, pairs, hash);
}

uint64_t Agent::series(std::span<const TextPair> labels) {
    std::unique_lock lock(mutex_);
    AgentSeries& s = table_.series[create_or_find(table_.intern(labels), 0)];
    s.touched = transactions_->mark();
    return s.ref;
}

std::vector<uint64_t> Agent::series(const LabelSets& sets) {
    std::unique_lock lock(mutex_);
    std::vector<uint64_t> refs;
    refs.reserve(sets.rows());
    table_.intern_each(sets, [&](std::span<const LabelPair> pairs) {
        AgentSeries& s = table_.series[create_or_find(pairs, 0)];
        s.touched = transactions_->mark();
        refs.push_back(s.ref);
    });
    return refs;
}

AgentStats Agent::stats() const {
    std::shared_lock lock(mutex_);
    AgentStats s = counts_;
    s.series = table_.series.size();
    s.out_of_order = out_of_order_.load(std::memory_order_relaxed);
    return s;
}

std::vector<uint64_t> Agent::refs() const {
    std::shared_lock lock(mutex_);
    std::vector<uint64_t> out;
    out.reserve(table_.series.size() + aliases_.size());
    for (size_t i = 0; i < table_.series.size(); ++i) out.push_back(table_.series[i].ref);
    for (const auto& alias : aliases_) out.push_back(alias.first);
    return out;
}

std::vector<uint64_t> Agent::truncate(int64_t mint) {
    std::unique_lock lock(mutex_);
    bool unsure = transactions_->span_epochs();
    uint8_t mark = transactions_->mark();
    transactions_->next_epoch();
    std::vector<bool> dead(table_.series.size());
    std::vector<uint64_t> dropped;
    for (size_t i = 0; i < dead.size(); ++i) {
        AgentSeries& s = table_.series[i];
        if (s.t < mint && !unsure && s.touched != mark) {
            dead[i] = true;
            dropped.push_back(s.ref);
        }
    }
    if (dropped.empty()) return dropped;
    std::vector<std::pair<uint64_t, uint64_t>> aliases = aliases_;
    rebuild(dead);
    for (const auto& [alias, ref] : aliases) {
        if (table_.by_ref.find(ref) == RefMap::kNone) dropped.push_back(alias);
    }
    return dropped;
}

void Agent::rebuild(const std::vector<bool>& dead) {
    LabelTable<AgentSeries> next;
    SymbolMapper map(*table_.symbols, *next.symbols);
    std::vector<LabelPair> pairs;
    for (size_t i = 0; i < table_.series.size(); ++i) {
        if (dead[i]) continue;
        const AgentSeries& s = table_.series[i];
        pairs.clear();
        table_.pairs_of(s, pairs);
        for (LabelPair& p : pairs) p = map(p);
        AgentSeries& mine = next.series[next.add(s.ref, pairs, hash_pairs(pairs))];
        mine.t = s.t;
        mine.touched = s.touched;
    }
    counts_.removed += table_.series.size() - next.series.size();
    table_ = std::move(next);
    std::erase_if(aliases_, [&](const auto& alias) {
        uint32_t slot = table_.by_ref.find(alias.second);
        if (slot != RefMap::kNone) table_.by_ref.set(alias.first, slot);
        return slot == RefMap::kNone;
    });
    std::erase_if(unlogged_, [&](uint64_t ref) { return table_.by_ref.find(ref) == RefMap::kNone; });
    std::erase_if(newest_exemplars_,
                  [&](const auto& e) { return table_.by_ref.find(e.first) == RefMap::kNone; });
    ++generation_;
}

ReplayCounts Agent::segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound) {
    return replay_segment(bytes, zstd, sound, [this](std::span<const uint8_t> record, ReplayCounts& counts) {
        std::unique_lock lock(mutex_);
        replay_record(record, counts);
    });
}

void Agent::replay_record(std::span<const uint8_t> record, ReplayCounts& counts) {
    auto type = static_cast<WalRecord>(record[0]);
    auto body = record.subspan(1);
    auto use_float = [&](uint64_t ref, int64_t t) { counts.samples += replay_sample(ref, t, counts); };
    if (type == WalRecord::kSeries) {
        decode_series(body,
                      [&](uint64_t ref, std::span<const TextPair> l) { replay_series(ref, l, counts); });
    } else if (type == WalRecord::kSamples) {
        decode_samples(body, [&](uint64_t ref, int64_t t, uint64_t) { use_float(ref, t); });
    } else if (type == WalRecord::kSamplesV2) {
        decode_samples_v2(body, [&](uint64_t ref, int64_t t, uint64_t, int64_t) { use_float(ref, t); });
    } else if (is_histogram_record(type)) {
        counts.invalid_histograms +=
            decode_histograms(type, body, [&](uint64_t ref, int64_t t, int64_t, const HistogramView&) {
                counts.histograms += replay_sample(ref, t, counts);
            });
    } else {
        ++counts.skipped_records;
        if (record[0] > kLastWalRecord) ++counts.unknown_records;
    }
}

void Agent::replay_series(uint64_t ref, std::span<const TextPair> labels, ReplayCounts& counts) {
    ++counts.series;
    if (table_.by_ref.find(ref) != RefMap::kNone) return;
    std::vector<LabelPair> pairs;
    try {
        // Numbering goes on after the largest reference, which leaves the upper half as room.
        if (ref == 0 || ref >> 63 != 0) throw std::invalid_argument("reference is out of range");
        pairs = table_.intern(labels);
    } catch (const std::invalid_argument&) {
        ++counts.invalid_series;
        return;
    }
    uint32_t slot = create_or_find(pairs, ref);
    uint64_t own = table_.series[slot].ref;
    if (own == ref) return;
    table_.by_ref.set(ref, slot);
    aliases_.emplace_back(ref, own);
    last_ref_ = std::max(last_ref_, ref);
}

bool Agent::replay_sample(uint64_t ref, int64_t t, ReplayCounts& counts) {
    uint32_t slot = table_.by_ref.find(ref);
    if (slot == RefMap::kNone) {
        ++counts.unknown_refs;
        // Its series record is lost; no other series may ever be taken for it.
        if (ref >> 63 == 0) last_ref_ = std::max(last_ref_, ref);
        return false;
    }
    AgentSeries& s = table_.series[slot];
    s.t = std::max(s.t, t);
    return true;
}

AgentTransaction::AgentTransaction(std::shared_ptr<Agent> agent)
    : agent_(std::move(agent)), ticket_(agent_->transactions_) {}

void AgentTransaction::check(size_t n, size_t ts, size_t values, size_t starts, size_t statuses) const {
    if (ts != n || values != n || statuses != n || (starts != n && starts != 0))
        throw std::invalid_argument("columns differ in length");
}

AppendStatus AgentTransaction::judge(uint64_t ref, int64_t t, int64_t start, RefMap::Cursor& cursor,
                                     uint64_t& out_of_order, bool& zero) {
    uint32_t slot = agent_->table_.by_ref.find(ref, cursor);
    if (slot == RefMap::kNone) return AppendStatus::kUnknownRef;
    AgentSeries& s = agent_->table_.series[slot];
    if (!agent_->takes(s, t)) {
        ++out_of_order;
        return AppendStatus::kOutOfOrder;
    }
    // A truncation reads it under the exclusive lock; other judges may write the same value meanwhile.
    std::atomic_ref<uint8_t>(s.touched).store(agent_->transactions_->mark(), std::memory_order_relaxed);
    zero = agent_->start_zeros_ && start != 0 && start < t && start > s.t;
    return AppendStatus::kOk;
}

void AgentTransaction::append(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                              std::span<const uint64_t> values, std::span<const int64_t> starts,
                              std::span<uint8_t> statuses) {
    check(refs.size(), ts.size(), values.size(), starts.size(), statuses.size());
    samples_.reserve(samples_.size() + refs.size());
    uint64_t out_of_order = 0;
    RefMap::Cursor cursor;
    std::shared_lock lock(agent_->mutex_);
    for (size_t i = 0; i < refs.size(); ++i) {
        int64_t start = starts.empty() ? 0 : starts[i];
        bool zero = false;
        AppendStatus status = judge(refs[i], ts[i], start, cursor, out_of_order, zero);
        statuses[i] = static_cast<uint8_t>(status);
        if (zero) samples_.push_back({refs[i], start, 0, 0, kFloat});
        if (status == AppendStatus::kOk) samples_.push_back({refs[i], ts[i], values[i], start, kFloat});
    }
    agent_->out_of_order_.fetch_add(out_of_order, std::memory_order_relaxed);
}

void AgentTransaction::append(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                              const HistogramBatch& values, std::span<const int64_t> starts,
                              std::span<uint8_t> statuses) {
    check(refs.size(), ts.size(), values.size(), starts.size(), statuses.size());
    uint64_t out_of_order = 0;
    RefMap::Cursor cursor;
    HistogramWalk walk(values.columns());
    HistogramLayout room;
    std::shared_lock lock(agent_->mutex_);
    for (size_t i = 0; i < refs.size(); ++i) {
        statuses[i] = static_cast<uint8_t>(values.fault(i));
        if (statuses[i] != 0) continue;
        int64_t start = starts.empty() ? 0 : starts[i];
        bool zero = false;
        AppendStatus status = judge(refs[i], ts[i], start, cursor, out_of_order, zero);
        statuses[i] = static_cast<uint8_t>(status);
        if (status != AppendStatus::kOk) continue;
        HistogramView h = walk.at(i);
        if (zero) {
            samples_.push_back({refs[i], start, 0, 0, static_cast<uint32_t>(histograms_.size())});
            histograms_.push(0, 0, zero_histogram(h, room));
        }
        samples_.push_back({refs[i], ts[i], 0, start, static_cast<uint32_t>(histograms_.size())});
        histograms_.push(0, 0, h);
    }
    agent_->out_of_order_.fetch_add(out_of_order, std::memory_order_relaxed);
}

void AgentTransaction::append_exemplars(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                                        std::span<const double> values, const LabelSets& labels,
                                        std::span<uint8_t> statuses) {
    check(refs.size(), ts.size(), values.size(), 0, statuses.size());
    if (labels.rows() != refs.size()) throw std::invalid_argument("columns differ in length");
    std::shared_lock lock(agent_->mutex_);
    std::vector<TextPair> pairs;
    for (size_t i = 0; i < refs.size(); ++i) {
        pairs.clear();
        for (LabelPair p : labels.row(i)) pairs.emplace_back(labels.text(p.name), labels.text(p.value));
        Exemplar e{refs[i], ts[i], values[i], pack_labels(pairs)};
        auto newest = agent_->newest_exemplars_.find(refs[i]);
        if (agent_->table_.by_ref.find(refs[i]) == RefMap::kNone) {
            statuses[i] = static_cast<uint8_t>(AppendStatus::kUnknownRef);
        } else if (too_long(e.labels)) {
            statuses[i] = static_cast<uint8_t>(ExemplarStatus::kLabelLength);
        } else if (newest != agent_->newest_exemplars_.end() &&
                   newest->second == identity(e.t, e.value, e.labels)) {
            statuses[i] = static_cast<uint8_t>(ExemplarStatus::kDuplicate);
        } else {
            statuses[i] = 0;
            exemplars_.push_back(std::move(e));
        }
    }
}

std::vector<uint8_t> AgentTransaction::encode(size_t position, WalCompression compression) {
    WalWriter out(position, std::move(compression));
    SeriesRecord series;
    {
        std::shared_lock lock(agent_->mutex_);
        agent_->table_.describe(agent_->unlogged_, series);
        logged_series_ = agent_->unlogged_.size();
        RefMap::Cursor cursor;
        std::erase_if(exemplars_,
                      [&](const Exemplar& e) { return agent_->table_.by_ref.find(e.ref) == RefMap::kNone; });
        std::erase_if(samples_, [&](const Sample& s) {
            return agent_->table_.by_ref.find(s.ref, cursor) == RefMap::kNone;
        });
    }
    if (!series.empty()) out.record(series.bytes());
    SampleRecords records(out, agent_->store_starts_);
    HistogramWalk walk(histograms_);
    for (const Sample& s : samples_) {
        if (s.histogram == kFloat) {
            records.add(s.ref, s.t, s.start, s.bits);
        } else {
            records.add(s.ref, s.t, s.start, walk.at(s.histogram));
        }
    }
    records.flush();
    ExemplarsRecord exemplars;
    for (const Exemplar& e : exemplars_)
        exemplars.add(e.ref, e.t, std::bit_cast<uint64_t>(e.value), unpack_labels(e.labels));
    if (!exemplars.empty()) out.record(exemplars.bytes());
    return std::move(out.bytes());
}

AgentTransaction::Applied AgentTransaction::apply() {
    Applied out;
    std::unique_lock lock(agent_->mutex_);
    auto& unlogged = agent_->unlogged_;
    auto logged = static_cast<ptrdiff_t>(std::min(logged_series_, unlogged.size()));
    unlogged.erase(unlogged.begin(), unlogged.begin() + logged);
    if (unlogged.empty()) unlogged.shrink_to_fit();
    RefMap::Cursor cursor;
    for (const Sample& sample : samples_) {
        ++(sample.histogram == kFloat ? out.floats : out.histograms);
        uint32_t slot = agent_->table_.by_ref.find(sample.ref, cursor);
        if (slot == RefMap::kNone) continue;
        AgentSeries& s = agent_->table_.series[slot];
        s.t = std::max(s.t, sample.t);
    }
    for (const Exemplar& e : exemplars_) agent_->newest_exemplars_[e.ref] = identity(e.t, e.value, e.labels);
    return out;
}

}  // namespace narthex
