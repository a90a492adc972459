// What the statistics page counts.
#include <algorithm>
#include <tuple>

#include "head/head.h"

namespace narthex {

namespace {

struct Count {
    uint64_t count;
    std::string_view name, value;
    bool operator<(const Count& o) const {  // the larger count first
        return count != o.count ? count > o.count : std::tie(name, value) < std::tie(o.name, o.value);
    }
};

// Keeps the `limit` largest of what it is given.
class Largest {
  public:
    explicit Largest(size_t limit) : limit_(limit) {}

    void add(const Count& c) {
        if (heap_.size() == limit_) {
            if (limit_ == 0 || !(c < heap_.front())) return;
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.push_back(c);
        std::push_heap(heap_.begin(), heap_.end());
    }
    std::vector<HeadCount> take() {
        std::sort_heap(heap_.begin(), heap_.end());
        std::vector<HeadCount> out;
        for (const Count& c : heap_) out.push_back({std::string(c.name), std::string(c.value), c.count});
        return out;
    }

  private:
    size_t limit_;
    std::vector<Count> heap_;  // the smallest in front
};

}  // namespace

Head::Cardinality Head::cardinality(std::string_view name, size_t limit) const {
    while (true) {
        Largest by_value(limit), values(limit), bytes(limit), pairs(limit);
        std::shared_ptr<SymbolTable> symbols;  // holds the texts
        std::vector<uint32_t> names;
        uint64_t generation;
        {
            std::shared_lock lock(mutex_);
            generation = generation_;
            symbols = table_.symbols;
            names.assign(table_.postings.names().begin(), table_.postings.names().end());
        }
        bool valid = true;
        for (uint32_t n : names) {
            size_t count = 0;
            uint64_t size = 0;
            std::string_view text;
            valid = valid && in_slices(generation, 1, [&](size_t, size_t) {
                        text = symbols->get(n);
                        count = table_.postings.values(n).size();
                    });
            valid = valid && in_slices(generation, count, [&](size_t first, size_t last) {
                        for (uint32_t id : table_.postings.values(n).subspan(first, last - first)) {
                            const Posting& p = table_.postings.posting(id);
                            std::string_view value = symbols->get(p.value);
                            uint64_t series = p.slots.get().size();
                            size += value.size() * series;
                            if (text == name) by_value.add({series, value, {}});
                            pairs.add({series, text, value});
                        }
                    });
            values.add({count, text, {}});
            bytes.add({size, text, {}});
        }
        if (valid) return {by_value.take(), values.take(), bytes.take(), pairs.take()};
    }
}

}  // namespace narthex
