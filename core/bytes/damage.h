// What was left out because its bytes are broken.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace narthex {

// How many things, and what is to be said of the first few.
struct Damage {
    static constexpr size_t kReasons = 10;
    uint64_t count = 0;
    std::vector<std::string> reasons;

    void add(std::string reason) {
        ++count;
        if (reasons.size() < kReasons) reasons.push_back(std::move(reason));
    }
    void add(const Damage& other) {
        count += other.count;
        for (const std::string& reason : other.reasons) {
            if (reasons.size() == kReasons) return;
            reasons.push_back(reason);
        }
    }
};

}  // namespace narthex
