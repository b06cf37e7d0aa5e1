// The listener's namespaces: learnt when announced, known by their number (nsid), forgotten when they die. Runs on its thread.
#include <errno.h>

#include <algorithm>
#include <utility>

#include "destroy.h"

namespace netsoak {
namespace {

/** Namespaces learnt (about 50 us each) between two looks at the notifications. */
constexpr size_t kLearntAtOnce = 16;

std::pair<uint64_t, uint64_t> key_of(const NamespaceId& id) { return {id.device, id.inode}; }

bool is_gone(const AnnounceFailure& failure) {
  return failure.step == Step::kOpen && (failure.error == 0 || failure.error == ENOENT || failure.error == ENOTDIR || failure.error == ESRCH);
}

}  // namespace

void DestroyListener::follow_changes() {
  nsids_.drain();
  for (const NsidChannel::Change& change : nsids_.take_changes()) {
    // A new holder tells of a death too: the notification of that may come late.
    if (!change.given || by_nsid_.count(change.nsid) != 0) died(change.nsid);
    if (change.given && dying_.count(change.nsid) != 0) ambiguous_.insert(change.nsid);
  }
  if (!nsids_.take_lost()) return;
  // Any number may have another holder by now: what is queued is nobody's, and every namespace is asked again.
  all_ambiguous_ = true;
  lose_waiting(waiting_.size());
  asked_for_.clear();
  by_nsid_.clear();
  for (const auto& [key, known] : known_) doubtful_.push_back(known->task);
  known_.clear();
  counters_.namespaces = 0;
}

void DestroyListener::died(int nsid) {
  counters_.unknown_namespace += take_waiting(nsid).size();
  const auto found = by_nsid_.find(nsid);
  if (found == by_nsid_.end()) return;
  const KnownPointer known = found->second;
  by_nsid_.erase(found);
  known_.erase(key_of(known->task->id));
  counters_.namespaces = known_.size();
  if (!dying_.emplace(nsid, known).second) ambiguous_.insert(nsid);
  // The kernel frees a number before it says so; in between another namespace may have taken it, and been learnt. Then this word is of the one
  // before, and the namespace is there still.
  doubtful_.push_back(known->task);
}

void DestroyListener::look_again() {
  size_t learnt = 0;
  for (const NamespacePointer& task : std::exchange(doubtful_, {})) {
    if (failed_ || aborted_) return;
    learn(task);
    if (++learnt % kLearntAtOnce == 0) drain(kBatches);
  }
}

void DestroyListener::take_announcements() {
  std::deque<NamespaceListPointer> lists;
  {
    std::lock_guard lock(mutex_);
    lists.swap(announcements_);
  }
  for (const auto& tasks : lists) announced(*tasks);
}

void DestroyListener::announced(const NamespaceList& tasks) {
  std::vector<AnnounceFailure> failures;
  size_t learnt = 0;
  for (uint32_t index = 0; index < tasks.size() && !failed_ && !aborted_; index++) {
    const NamespacePointer& task = tasks[index];
    const auto found = known_.find(key_of(task->id));
    if (found != known_.end()) {
      const Known& known = *found->second;
      const Namespace& before = *known.task;
      const bool same = known.task == task || (before.path == task->path && before.name == task->name && before.container_id == task->container_id &&
                                               before.container_runtime == task->container_runtime);
      if (!same) know(task, known.columns.cookie, known.nsid);
      continue;
    }
    AnnounceFailure failure = learn(task);
    failure.index = index;
    if (failure.step != Step::kNone && !is_gone(failure)) failures.push_back(failure);
    if (++learnt % kLearntAtOnce == 0) drain(kBatches);
  }
  post({DestroyEvent::Kind::kAnnounced, {}, std::move(failures), Step::kNone, 0});
}

/** Asks a namespace for its cookie and sees to it that it has a number. Step::kOpen without an error: it is gone. */
AnnounceFailure DestroyListener::learn(const NamespacePointer& pointer) {
  const Namespace& task = *pointer;
  const Fd fd = open_namespace(task.path);
  NamespaceId found;
  if (!fd.open() || !identify(fd.get(), found)) return {0, Step::kOpen, errno};
  if (found != task.id) return {0, Step::kOpen, 0};

  const bool own = task.id == home_->id();
  int nsid = NsidChannel::kNone;
  // Our own notifications come without a number, unless someone gave us one.
  const int error = own ? nsids_.get(fd.get(), nsid) : nsids_.number(fd.get(), nsid);
  follow_changes();
  if (error != 0) return {0, Step::kNsid, error};

  uint64_t cookie = 0;
  if (own) {
    cookie = namespace_cookie(socket_.get());
  } else {
    if (const int refused = home_->enter(fd.get(), task.id)) return {0, Step::kSetns, refused};
    Step step = Step::kNone;
    int failure = 0;
    {
      const Fd inside(open_diag_socket());
      if (!inside.open()) {
        step = Step::kSocket;
        failure = errno;
      } else if ((failure = prove(inside.get(), task.id)) != 0) {
        step = Step::kProof;
      } else {
        cookie = namespace_cookie(inside.get());
      }
    }
    if (const int stuck = home_->leave()) fail(Step::kSetns, stuck);
    if (step != Step::kNone) return {0, step, failure};
  }
  know(pointer, cookie, nsid);
  return {0, Step::kNone, 0};
}

void DestroyListener::know(const NamespacePointer& task, uint64_t cookie, int nsid) {
  const auto known = std::make_shared<const Known>(
      Known{task, {task->name, task->id.inode, task->container_id, task->container_runtime, cookie, task->generation}, nsid});
  known_[key_of(task->id)] = known;
  counters_.namespaces = known_.size();
  if (task->id == home_->id()) own_ = known;
  if (nsid != NsidChannel::kNone) by_nsid_[nsid] = known;
  for (const Waiting& one : take_waiting(nsid)) {
    Row row;
    if (decoder_.decode(one.payload.data(), one.payload.size(), row)) add(known, row, one.timestamp);
  }
}

}  // namespace netsoak
