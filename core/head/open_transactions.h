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

    // Whether a transaction is open that a truncation has met.
    bool have_met_truncation() {
        std::lock_guard lock(mutex_);
        return older_ > 0;
    }
    // At the end of each truncation.
    void note_truncation() {
        std::lock_guard lock(mutex_);
        older_ += std::exchange(newer_, 0);
        ++epoch_;
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
    uint64_t newer_ = 0;  // open transactions that began after the end of the last truncation
    uint64_t older_ = 0;
};

}  // namespace narthex
