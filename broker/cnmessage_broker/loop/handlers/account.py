"""Accounts and the devices bound to them: signup, login, logout, passwd, whoami, devices, revoke."""

from collections.abc import Iterable
from contextlib import suppress

from cnmessage_broker.between import Unbound
from cnmessage_broker.limits import Budget
from cnmessage_broker.loop.context import Caller, Deps, last_use
from cnmessage_broker.loop.effects import Effect, MarkPresence, Push, Refuse, Reply, Tell
from cnmessage_broker.loop.listeners import Event
from cnmessage_broker.loop.password_changes import PasswordChange
from cnmessage_broker.loop.waits import OnHasher, OnWriter
from cnmessage_broker.store.ports.records import Account, Device, NameTakenError, PasswordChangedError
from cnmessage_protocol.deliveries import Closed
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import UserName
from cnmessage_protocol.requests import Devices, Login, Logout, Passwd, Revoke, Signup, Whoami
from cnmessage_protocol.results import DeviceList, Done, Identity, ListedDevice, LoggedIn, PasswordChanged


async def signup(request: Signup, caller: Caller, deps: Deps) -> list[Effect]:
    """Make an account; a repeated signup with the right password is a login."""
    refusal = _spend_login(request.name, caller, deps)
    if refusal is not None:
        return [refusal]
    if deps.directory.account_by_name(request.name) is None:
        name, now = UserName(request.name), deps.now_ms()
        hashed = await OnHasher(lambda: deps.passwords.hash(request.password))
        with suppress(NameTakenError):  # meanwhile, perhaps by this very client: then its repetition logs in
            account = await OnWriter(lambda store: store.create_account(name, hashed, now))
            return await _bind(account, request.label, caller, deps)
    taken = RequestError(
        ErrorCode.NAME_TAKEN,
        f"the name '{request.name}' is taken; choose another, or log in if it is yours",
    )
    return await _verified_login(request, caller, deps, taken)


async def login(request: Login, caller: Caller, deps: Deps) -> list[Effect]:
    """Bind the caller's key; the same answer for a wrong name and a wrong password."""
    refusal = _spend_login(request.name, caller, deps)
    if refusal is not None:
        return [refusal]
    wrong = RequestError(
        ErrorCode.BAD_CREDENTIALS, "wrong user name or password; try again, or sign up if you are new"
    )
    return await _verified_login(request, caller, deps, wrong)


async def logout(_: Logout, caller: Caller, deps: Deps) -> list[Effect]:
    """Unbind the caller's key; a key that is not bound is logged out already."""
    device = caller.device
    if device is None:
        return [Reply(Done())]
    await OnWriter(lambda store: store.unbind_device(device.account, device.id))
    return [Reply(Done()), *_end_listeners([device], deps)]


async def passwd(request: Passwd, caller: Caller, deps: Deps) -> list[Effect]:
    """Change the password; every other device is logged out.

    A repeat after a lost answer gets the same one, and nobody is logged out again: the old password must be
    right in a repeat too, or whoever holds a device could try which new one is in force.
    """
    _, account = caller.bound()
    refusal = _spend_login(account.name, caller, deps)
    if refusal is not None:
        return [refusal]
    earlier = deps.password_changes.repeatable(caller.key, account.password, deps.monotonic())
    fits = deps.passwords.verify

    def work() -> str | None:
        if fits(account.password, request.old):
            return deps.passwords.hash(request.new)
        repeated = (
            earlier is not None and fits(earlier.was, request.old) and fits(earlier.became, request.new)
        )
        return account.password if repeated else None

    hashed = await OnHasher(work)
    wrong = RequestError(ErrorCode.BAD_CREDENTIALS, "the old password is wrong; nothing was changed")
    if hashed is None or deps.directory.account(account.id) != account:
        raise wrong
    if earlier is not None and hashed == earlier.became:
        return [Reply(PasswordChanged(earlier.revoked))]  # who has logged in since stays
    try:
        gone = await OnWriter(
            lambda store: store.change_password(account.id, hashed, caller.key, was=account.password)
        )
    except PasswordChangedError:
        raise wrong from None
    change = PasswordChange(account.password, hashed, len(gone), deps.monotonic())
    deps.password_changes.made(caller.key, change)
    return [Reply(PasswordChanged(len(gone))), *_end_listeners(gone, deps)]


async def whoami(_: Whoami, caller: Caller, deps: Deps) -> list[Effect]:
    """Who the caller is and how their inbox stands."""
    device, account = caller.bound()
    marks = deps.directory.marks(account.id)
    blocked = len(deps.directory.blocked_by(account.id))
    me = Identity(account.name, device.id, marks.head, marks.read, marks.unread, blocked, deps.now_ms())
    return [Reply(me)]


async def devices(_: Devices, caller: Caller, deps: Deps) -> list[Effect]:
    """All devices of the caller's account."""
    current, account = caller.bound()
    now = deps.now_ms()
    rows = tuple(
        ListedDevice(
            device=device.id,
            label=device.label,
            created=device.created,
            last_seen=last_use(device, now) if device.id == current.id else device.last_seen,
            online=bool(deps.listeners.of_device(device.key, account.id)),
            current=device.id == current.id,
        )
        for device in deps.directory.devices(account.id)
    )
    return [Reply(DeviceList(rows[-1024:]))]


async def revoke(request: Revoke, caller: Caller, deps: Deps) -> list[Effect]:
    """Log out one device of the caller's account."""
    _, account = caller.bound()
    gone = await OnWriter(lambda store: store.unbind_device(account.id, request.device))
    if gone is None:
        raise RequestError(
            ErrorCode.NO_SUCH_DEVICE,
            f"you have no device {request.device}",
        )
    return [Reply(Done()), *_end_listeners([gone], deps)]


async def _verified_login(
    request: Signup | Login, caller: Caller, deps: Deps, refusal: RequestError
) -> list[Effect]:
    account = deps.directory.account_by_name(request.name)
    stored = None if account is None else account.password
    fits = await OnHasher(lambda: deps.passwords.verify(stored, request.password))
    if account is None or not fits:
        return [Refuse(refusal)]
    try:
        return await _bind(account, request.label, caller, deps)
    except PasswordChangedError:  # while this one was being checked
        return [Refuse(refusal)]


async def _bind(account: Account, label: str, caller: Caller, deps: Deps) -> list[Effect]:
    now, earlier = deps.now_ms(), deps.directory.device(caller.key)
    device = await OnWriter(
        lambda store: store.bind_device(caller.key, account.id, label, now, password=account.password)
    )
    moved = [] if earlier is None or earlier.account == account.id else [earlier]
    return [Reply(LoggedIn(account.name, device.id)), *_end_listeners(moved, deps)]


def _end_listeners(devices: Iterable[Device], deps: Deps) -> list[Effect]:
    effects: list[Effect] = []
    for device in devices:
        effects.append(Tell(Unbound(device.key)))
        for listener in deps.listeners.of_device(device.key, device.account):
            if listener.granted:
                effects.append(Push(listener, Closed.KIND, {"reason": str(ErrorCode.UNAUTHENTICATED)}))
            if deps.listeners.remove(listener, Event.DROPPED):
                effects.append(MarkPresence(listener.owner, online=False))
    return effects


def _spend_login(name: str, caller: Caller, deps: Deps) -> Refuse | None:
    """Spend for one look at a password, or refuse it: before anything is hashed.

    A device that is bound to the account spends nothing that strangers can: what they try in its owner's
    name, or from the owner's address, must not keep the owner from changing the password.
    """
    now, budgets = deps.monotonic(), deps.budgets
    spent: tuple[tuple[Budget[str], str], ...] = (
        (budgets.login_by_name, name),
        (budgets.login_by_name_and_address, f"{name} {caller.address}"),
        (budgets.login_by_key, caller.key),
        (budgets.login_by_address, caller.address),
    )
    if caller.account is not None and caller.account.name == name:
        spent = ((budgets.own_password, name),)
    wait = max(budget.wait(subject, now) for budget, subject in spent)
    if wait > 0:
        text = f"too many attempts; try again in {int(wait) + 1} s"
        return Refuse(RequestError(ErrorCode.RATE_LIMITED, text))
    for budget, subject in spent:
        budget.spend(subject, now)
    return None
