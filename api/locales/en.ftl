# Texts of problems. A message is the title, its attribute the detail.

# Parts of texts: numbers with their words.

in-seconds = in { $seconds } { $seconds ->
    [one] second
   *[other] seconds
}
hours-before = { $hours ->
    [0] until it begins
    [one] no later than { $hours } hour before it begins
   *[other] no later than { $hours } hours before it begins
}
min-characters = { $min } { $min ->
    [one] character
   *[other] characters
}
max-characters = { $max } { $max ->
    [one] character
   *[other] characters
}

malformed-request = The request cannot be read
    .detail = The body is not valid JSON or the request is incomplete. { $problem }
invalid-fields = Some fields are wrong
    .detail = See "errors": it says for each field what is wrong.
not-signed-in = Sign in first
    .detail = Send the header "Authorization: Bearer <access_token>"; POST /api/v1/login gives the token.
token-invalid = The access token is not valid
    .detail = The token was not issued by this server or was changed. Sign in again.
token-expired = The access token has expired
    .detail = Get a new one from POST /api/v1/refresh-token or sign in again.
wrong-credentials = Wrong login or password
    .detail = No user has this e-mail or phone with this password.
refresh-token-invalid = The refresh token is not valid
    .detail = The token is unknown, was used already or has expired. Sign in again.
session-ended = The session has ended
    .detail = You were logged out, or your login was closed. Sign in again.
business-suspended = The business is suspended
    .detail = The operator of the platform has closed this business. Ask the operator.
trial-expired = The trial is over
    .detail = Everything can still be looked at, but nothing changed or booked. Ask the operator to go on.
key-not-allowed = Not for API keys
    .detail = This route is for people who signed in.
key-scope-missing = The API key lacks a right
    .detail = This route needs a key with the scope { $scope }.
not-allowed = Not allowed
    .detail = Your role may not do this.
route-not-found = Nothing here
    .detail = No route has this path. All routes are at /api/docs.
business-not-found = Business not found
    .detail = No business has this subdomain.
master-not-found = Master not found
    .detail = This business has no such master.
service-not-found = Service not found
    .detail = This business has no such service.
booking-not-found = Booking not found
    .detail = There is no such booking in this business.
client-not-found = Client not found
    .detail = The business has no such client, or you do not serve them.
text-not-found = No such text
    .detail = GET /api/v1/texts lists the events and languages.
client-exists = There is a client with this number
    .detail = Open that client: its number is in "client_id".
client-erased = The client was erased
    .detail = Only statistics are left of this client, and nothing in them can be changed.
client-has-visits = The client has visits to come
    .detail = { $count ->
        [one] There is { $count } visit to come. Cancel it first, or send cancel_visits: true.
       *[other] There are { $count } visits to come. Cancel them first, or send cancel_visits: true.
    }
client-same = It is the same client
    .detail = Only two different clients can be merged.
client-blocked = You cannot book online here
    .detail = Please contact the business itself to book.
user-not-found = User not found
    .detail = This business has no such user.
invitation-not-found = Invitation not found
    .detail = The link was used, taken back, or is too old. Ask for a new one.
api-key-not-found = API key not found
    .detail = This business has no such key.
tenant-not-found = Tenant not found
    .detail = The platform has no such business.
phone-taken = This number is taken
    .detail = Somebody of the staff logs in with this number.
last-owner = The last owner
    .detail = A business needs an owner. Make somebody else one first.
too-many-invitations = Too many invitations
    .detail = Too many invitations are open. Take some back or try again tomorrow.
no-public-address = The platform has no public address
    .detail = The operator has to set PUBLIC_URL before links can be sent.
too-many-keys = Too many API keys
    .detail = Revoke a key that is not needed first.
settings-changed = The settings were changed
    .detail = Somebody else changed the settings meanwhile. They are in "current" as they are now.
not-on-trial = Not on a trial
    .detail = This business is not on a trial.
code-wrong = Wrong code
    .detail = The code is wrong, was used, or its time is over. Ask for a new one.
too-many-attempts = Too many attempts
    .detail = Too many logins failed. Try again { in-seconds }.
too-many-codes = Too many codes
    .detail = Too many codes were asked for. Try again { in-seconds }.
method-not-allowed = Method not allowed
    .detail = This path exists, but not with this method. All routes are at /api/docs.
request-timeout = The request took too long
    .detail = The request did not arrive or was not finished in time. Try again.
slot-taken = This time is taken
    .detail = Another visit overlaps this time. The nearest free times are in "alternatives".
email-taken = This e-mail is registered
    .detail = Sign in with it or use another one.
subdomain-taken = This subdomain is taken
    .detail = Choose another subdomain.
cancellation-too-late = Too late to cancel
    .detail = A visit can be cancelled only { hours-before }. Please call us: { $phone }.
step-not-possible = This step is not possible
    .detail = It cannot be done in the status "{ $status }".
visit-not-begun = The visit has not begun
    .detail = That it is over, or that nobody came, can be noted once it has begun.
move-too-late = Too late to move
    .detail = A visit can be moved only { hours-before }. Please call us: { $phone }.
too-many-visits = Too many visits
    .detail = { $max ->
        [one] One number can book at most { $max } visit to come by itself.
       *[other] One number can book at most { $max } visits to come by itself.
    } Call us to book more.
hold-over = The time is no longer held
    .detail = The hold has run out. Choose the time again.
too-many-holds = Too many times are held
    .detail = Finish the booking you began, or try again { in-seconds }.
visit-not-found = There is no such visit
    .detail = The link is wrong, or the visit is over.
booking-closed = The booking is closed
    .detail = This booking is already over or cancelled.
breaks-visits = The change breaks visits
    .detail = Visits at times that would no longer be worked: { $count }. They are in "visits". Move them first, or repeat the request with confirm=true: then they stay as they are.
catalogue-full = There are too many
    .detail = A business has at most 500 services and 200 masters, archived ones included.
catalogue-not-empty = There are services already
    .detail = A template fills only a business without services.
time-off-not-found = Time off not found
    .detail = This business has no such time off.
holiday-not-found = Not a holiday
    .detail = This date is no public holiday. Close any other day with POST /api/v1/time-off.
template-not-found = Template not found
    .detail = There are the templates salon, barbershop and nails.
body-too-large = The request is too large
    .detail = The body may have at most { $kilobytes } KB.
unsupported-media-type = JSON is expected
    .detail = Send the body with the header "Content-Type: application/json".
time-past = This time is in the past
    .detail = Choose a time in the future.
time-skipped = This time does not exist
    .detail = Clocks skip this time on that day. Choose another one.
outside-hours = Not bookable at this time
    .detail = The master does not take this service then. The nearest free times are in "alternatives".
business-closed = The business takes no bookings
    .detail = The business is closed at present. Ask it directly.
time-too-soon = Too soon
    .detail = This visit can be booked from { $earliest } on.
time-too-far = Too far ahead
    .detail = This visit can be booked until { $latest }.
booking-changed = The booking was changed
    .detail = Somebody else changed this booking meanwhile. Read it again and decide anew.
service-not-offered = The master does not offer this service
    .detail = Choose another master or another service.
idempotency-key-reused = This Idempotency-Key was used for another request
    .detail = Repeat the same request with the same key, or use a new key.
request-under-way = The same request is under way
    .detail = The first request with this Idempotency-Key is not finished. Try again { in-seconds }.
done-before = This was done before
    .detail = A request with this Idempotency-Key was carried out, but its answer was lost. Look for what it made before you ask with a new key.
too-many-requests = Too many requests
    .detail = Try again { in-seconds }.
internal = A fault on our side
    .detail = The request failed and the fault was logged. Quote the request_id when you report it.
unavailable = Temporarily unavailable
    .detail = The database is busy. Try again in a moment.
whatsapp-not-ready = WhatsApp is not connected
    .detail = The account is not paired or not online. GET /qr shows what is needed.

subdomain-not-of-host = names another business than this address, which is that of "{ $host }"
field-required = is required
field-unknown = is not a field of this request
field-invalid = is not valid: { $problem }
field-empty = is empty
field-too-long = has more than { max-characters }
field-invisible = has line ends or characters that cannot be seen
tag-invalid = 1 to 40 letters, digits, spaces and hyphens
tags-too-many = { $max ->
    [one] at most { $max } tag
   *[other] at most { $max } tags
}
template-unbalanced = the brace at character { $place } has no partner
template-unknown = there is no variable { $name }. There are: { $known }
search-too-long = at most { max-characters }
email-invalid = is not an e-mail address
password-too-short = needs at least { min-characters }
password-too-long = is too long
subdomain-length = needs 3 to 40 characters
subdomain-character = may have only letters a to z, digits, and hyphens between them
subdomain-reserved = is reserved for the platform
phone-empty = is not a phone number: there are no digits
phone-unexpected = has "{ $character }", which belongs in no phone number
phone-too-short = { $missing ->
    [one] is too short, { $missing } digit is missing
   *[other] is too short, { $missing } digits are missing
}
phone-too-long = { $extra ->
    [one] is too long, { $extra } digit too many
   *[other] is too long, { $extra } digits too many
}
phone-unknown-country = has a calling code of no country; write it with + and the country code
phone-service = is a service number, not a person's
phone-invalid = is not a phone number
date-invalid = is not a date such as 2024-01-15
dates-invalid = { $max ->
    [one] needs a last date that is not before the first, { $max } day at most
   *[other] needs a last date that is not before the first, { $max } days at most
}
items-invalid = is not a list such as 1:2,3:any of 1 to { $max } services with masters; a pause may follow, { $pause } minutes at most: 3:any:30
field-not-with = cannot be used together with { $other }
field-one-of = needs { $one } or { $other }
time-invalid = is not a time such as 2024-01-15T14:00:00
email-or-phone = needs either an e-mail or a phone, not both
password-wrong = is not the present password
instant-invalid = is not a time such as 2024-01-15T14:00:00+05:00
instant-past = is in the past
zone-unknown = is not a known time zone such as Asia/Almaty
number-out-of-range = is not from { $min } to { $max }
count-out-of-range = does not have { $min } to { $max } entries
order-invalid = does not name each of them once
interval-invalid = has a time that is not like 09:00, or an end that is not after its start
intervals-overlap = has two intervals that overlap
time-off-invalid = is not after "from", or more than two years after it
user-unknown = is nobody of the staff
user-taken = is the login of another master
service-unknown = names a service that the business does not have
service-twice = names a service twice
limit-invalid = is not a number from 1 to { $max }
master-needed = name the master of each part: over other visits none is chosen for you
version-invalid = a version such as "1" is needed
cursor-invalid = is not a cursor that this server gave
idempotency-key-invalid = needs 1 to 255 visible ASCII characters

message-erased = the client was erased
message-recipient-invalid = the number is not a phone number
message-text-invalid = the text is empty or too long
message-not-on-whatsapp = the number is not on WhatsApp
message-no-usable-device = no device of the client can receive messages at present
message-not-connected = the WhatsApp account was not connected
message-new-contact-refused = WhatsApp refuses messages to people who never wrote to this number (463)
message-new-chat-limit = the WhatsApp account has used up its new chats for this period (475)
message-not-allowed = WhatsApp does not allow this message
message-slow-down = WhatsApp asks to send more slowly
message-refused = WhatsApp refused the message
message-server-trouble = WhatsApp has trouble at present
message-not-confirmed = WhatsApp did not confirm the message in time
message-internal = a fault on our side
message-quiet-hours = waits for the end of the quiet hours
message-business-suspended = waits: the business is suspended
message-cold-budget = waits: enough people who never wrote to this number were written to today
message-cold-stopped = waits: WhatsApp refuses this account messages to people who never wrote to it
message-account-banned = WhatsApp banned this account for a time
message-opted-out = the recipient does not want any messages
message-no-consent = the recipient never wrote to this number and did not agree to messages
message-expired = it could not be sent in time
message-cancelled = it was called off
message-duplicate = the same number is in the list twice
message-phone-invalid = it is not a phone number
message-no-phone = the client has no phone number
message-not-delivered = it was sent, but has not reached any device
message-not-planned = no message was planned

whatsapp-linked = WhatsApp is linked already
    .detail = This account has a device. Log out first (POST …/logout) to link another phone.
pairing-codes-used-up = No pairing code now
    .detail = A code is valid already, or too many were asked for. Try again { in-seconds }, or scan the QR code.
whatsapp-refused = WhatsApp refused
    .detail = WhatsApp did not do what it was asked for. Try again later.
recipient-opted-out = The recipient wants no messages
    .detail = They opted out. They can write START to get messages again.
recipient-no-consent = The recipient did not agree to messages
    .detail = They never wrote to this number and gave no consent; a message could cost the account. Ask them to write first.
message-not-found = Message not found
    .detail = There is no such message in this business.
bulk-not-found = Not found
    .detail = There is no such text for many in this business.

text-empty = is empty
text-too-long = has more than 4096 characters
text-invisible = has characters that cannot be seen
recipients-either = give either "phones" or "clients"
recipients-nobody = there is nobody to write to
recipients-too-many = { $max ->
    [one] has more than { $max } recipient
   *[other] has more than { $max } recipients
}

account-online = connected
account-connecting = the connection is being made
account-backoff = the connection was lost; the next attempt follows by itself
account-waiting_for_scan = waits for a phone to scan the QR code or to type the pairing code
account-passkey_required = the phone asks for its passkey: confirm the link on the phone with it, or use a pairing code
account-unpaired = no phone is linked yet
account-logged_out = the phone removed this device; link it again
account-banned = WhatsApp blocks this number; nothing is sent, messages wait
account-replaced = another program uses this device; stop that one, then reconnect
account-offline = no process is connected for this account; messages wait
