//! Passes file descriptors to another process (`SCM_RIGHTS`, unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_setfd, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The most descriptors that are sent together.
const MAX: usize = 16;

/// Sends the descriptors, together with one byte: descriptors cannot be sent without data.
pub(crate) fn send(socket: impl AsFd, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(&[0])], &mut control, SendFlags::empty()))?;
    Ok(())
}

/// Receives the descriptors of one [`send`]. Programs that this process starts do not inherit them.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut carrier = [0];
    let received = retry_on_intr(|| {
        let mut carrier = [IoSliceMut::new(&mut carrier)];
        recvmsg(&socket, &mut carrier, &mut control, RecvFlags::empty())
    })?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut all = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            all.extend(descriptors);
        }
    }
    for descriptor in &all {
        fcntl_setfd(descriptor, FdFlags::CLOEXEC)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_arrive_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let pairs = [UnixStream::pair().unwrap(), UnixStream::pair().unwrap()];
        send(&ours, &pairs.each_ref().map(|(_, far)| far.as_fd())).unwrap();
        let received = receive(&theirs).unwrap();
        assert_eq!(received.len(), 2);
        for (number, (descriptor, (near, _))) in (1..).zip(received.into_iter().zip(&pairs)) {
            UnixStream::from(descriptor).write_all(&[number]).unwrap();
            let mut byte = [0];
            (&*near).read_exact(&mut byte).unwrap();
            assert_eq!(byte, [number]);
        }
    }
}
