// One io_uring for all namespaces, by its system calls alone (io_uring_setup(2), io_uring_enter(2)). A window of namespaces is under way
// at a time: for each, a send linked to a receive is queued, and a receive again until the dump is at its end.
#include "reader.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// More at a time only costs buffers: a netlink dump is made inside the call that asks for it.
constexpr unsigned kWindow = 64;
// A send and a receive for each.
constexpr unsigned kEntries = 2 * kWindow;

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)  // linux/io_uring.h, Linux 6.0
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)  // Linux 6.1
#endif

class Ring {
 public:
  Ring() {
    io_uring_params params{};
    // What is said to make one thread's ring cheapest; older kernels refuse the flags.
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    fd_ = setup(params);
    if (fd_ < 0 && errno == EINVAL) {
      params = io_uring_params{};
      fd_ = setup(params);
    }
    if (fd_ < 0) {
      std::fprintf(stderr, "this kernel refuses io_uring: %s\n", std::strerror(errno));
      std::_Exit(69);
    }
    const auto sq = map(params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    const auto cq = map(params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
    sqes_ = reinterpret_cast<io_uring_sqe*>(map(params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
    sq_tail_ = reinterpret_cast<unsigned*>(sq + params.sq_off.tail);
    sq_mask_ = *reinterpret_cast<unsigned*>(sq + params.sq_off.ring_mask);
    sq_array_ = reinterpret_cast<unsigned*>(sq + params.sq_off.array);
    cq_head_ = reinterpret_cast<unsigned*>(cq + params.cq_off.head);
    cq_tail_ = reinterpret_cast<unsigned*>(cq + params.cq_off.tail);
    cq_mask_ = *reinterpret_cast<unsigned*>(cq + params.cq_off.ring_mask);
    cqes_ = reinterpret_cast<io_uring_cqe*>(cq + params.cq_off.cqes);
  }

  void queue(std::uint8_t opcode, int socket, const void* bytes, std::size_t length, std::uint64_t data, std::uint8_t flags) {
    const unsigned tail = *sq_tail_;
    io_uring_sqe& entry = sqes_[tail & sq_mask_];
    std::memset(&entry, 0, sizeof entry);
    entry.opcode = opcode;
    entry.flags = flags;
    entry.fd = socket;
    entry.addr = reinterpret_cast<std::uint64_t>(bytes);
    entry.len = static_cast<std::uint32_t>(length);
    entry.user_data = data;
    sq_array_[tail & sq_mask_] = tail & sq_mask_;
    __atomic_store_n(sq_tail_, tail + 1, __ATOMIC_RELEASE);
    queued_++;
  }

  // Hands over what is queued and waits for one completion at least.
  void enter() {
    while (::syscall(SYS_io_uring_enter, fd_, queued_, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) {
      if (errno != EINTR) die("io_uring_enter");
    }
    queued_ = 0;
  }

  template <typename Handle>
  void drain(Handle handle) {
    unsigned head = *cq_head_;
    while (head != __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE)) {
      const io_uring_cqe entry = cqes_[head & cq_mask_];
      __atomic_store_n(cq_head_, ++head, __ATOMIC_RELEASE);
      handle(entry.user_data, entry.res);
    }
  }

 private:
  static int setup(io_uring_params& params) { return static_cast<int>(::syscall(SYS_io_uring_setup, kEntries, &params)); }

  unsigned char* map(std::size_t length, off_t offset) const {
    void* at = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
    if (at == MAP_FAILED) die("mmap of the ring");
    return static_cast<unsigned char*>(at);
  }

  int fd_ = -1;
  unsigned queued_ = 0;
  io_uring_sqe* sqes_ = nullptr;
  io_uring_cqe* cqes_ = nullptr;
  unsigned *sq_tail_ = nullptr, *sq_array_ = nullptr, *cq_head_ = nullptr, *cq_tail_ = nullptr;
  unsigned sq_mask_ = 0, cq_mask_ = 0;
};

class Uring : public Reader {
 public:
  explicit Uring(std::vector<std::string> spaces) : spaces_(std::move(spaces)), slots_(kWindow) {
    for (auto& slot : slots_) slot.buffer.reset(new unsigned char[kReceiveBytes]);
  }

  Tally poll() override {
    Tally tally;
    std::size_t next = 0;
    std::size_t under_way = 0;
    const auto begin = [&](std::size_t index) {
      if (next == spaces_.size()) return;
      slots_[index].socket = openIn(spaces_[next++]);
      under_way++;
      ring_.queue(IORING_OP_SEND, slots_[index].socket, request_.bytes, request_.length, index << 1, IOSQE_IO_LINK);
      receive(index);
    };
    for (std::size_t index = 0; index < kWindow; ++index) begin(index);
    while (under_way > 0) {
      ring_.enter();
      ring_.drain([&](std::uint64_t data, int result) {
        if (result < 0) {
          errno = -result;
          die((data & 1) != 0 ? "recv by io_uring" : "send by io_uring");
        }
        if ((data & 1) == 0) return;
        const std::size_t index = data >> 1;
        if (!consume(slots_[index].buffer.get(), static_cast<std::size_t>(result), tally)) return receive(index);
        ::close(slots_[index].socket);
        under_way--;
        begin(index);
      });
    }
    return tally;
  }

 private:
  struct Slot {
    int socket = -1;
    std::unique_ptr<unsigned char[]> buffer;
  };

  void receive(std::size_t index) {
    ring_.queue(IORING_OP_RECV, slots_[index].socket, slots_[index].buffer.get(), kReceiveBytes, index << 1 | 1, 0);
  }

  const std::vector<std::string> spaces_;
  const Request request_ = requests(Families::together).front();
  Ring ring_;
  std::vector<Slot> slots_;
};

}  // namespace

std::unique_ptr<Reader> makeUring(std::vector<std::string> spaces) { return std::make_unique<Uring>(std::move(spaces)); }
