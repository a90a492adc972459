// Transactions that are under way, as far as truncations must know of them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace narthex {

class OpenTransactions {
  public:
    // Held by a transaction from its beginning to its end.
    class Ticket {
      public:
        explicit Ticket(std::shared_ptr<OpenTransactions> open) : open_(std::move(open)) {
            epoch_ = open_->begin();
        }
        Ticket(Ticket&&) = default;
        Ticket(const Ticket&) = delete;
        ~Ticket() {
            if (open_) open_->end(epoch_);
        }

      private:
        std::shared_ptr<OpenTransactions> open_;
        uint64_t epoch_;
    };

    // At each truncation: whether a transaction is open that another truncation has met already.
    bool note_truncation() {
        std::lock_guard lock(mutex_);
        bool met = older_ > 0;
        older_ += std::exchange(newer_, 0);
        ++epoch_;
        return met;
    }

  private:
    uint64_t begin() {
        std::lock_guard lock(mutex_);
        ++newer_;
        return epoch_;
    }
    void end(uint64_t epoch) {
        std::lock_guard lock(mutex_);
        --(epoch == epoch_ ? newer_ : older_);
    }

    std::mutex mutex_;
    uint64_t epoch_ = 0;  // truncations so far
    uint64_t newer_ = 0;  // open transactions that began after the last truncation
    uint64_t older_ = 0;
};

}  // namespace narthex
