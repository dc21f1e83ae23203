#!/bin/sh
aws s3 cp "s3://$BUCKET/settings.json" /app/settings.json
if [ "$SUPERVISE" = 1 ]; then
    exec supervisord -n -c supervisord.conf
fi
exec "$@"
