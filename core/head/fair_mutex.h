// A shared mutex under which a stream of readers cannot starve a writer.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace narthex {

// Readers pass a gate that a waiting writer keeps closed. Usable with std::unique_lock and std::shared_lock.
class FairMutex {
  public:
    void lock() {
        gate_.lock();
        mutex_.lock();
    }
    void unlock() {
        mutex_.unlock();
        gate_.unlock();
    }
    void lock_shared() {
        std::lock_guard<std::mutex> pass(gate_);
        mutex_.lock_shared();
    }
    void unlock_shared() { mutex_.unlock_shared(); }

  private:
    std::mutex gate_;
    std::shared_mutex mutex_;
};

}  // namespace narthex
