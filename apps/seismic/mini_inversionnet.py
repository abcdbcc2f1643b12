"""InversionNet for the mini survey: the same idea, made to learn within a thousand small steps on a laptop.

One convolution a resolution, where InversionNet has two: in trials over CurveVel-A-like maps it cost a third and learnt
no less, and twice the channels or residual blocks learnt no more in as many steps. Group normalisation is the default,
because users whose ground differs would average batch statistics that fit none of them (Hsieh et al., ICML 2020,
arXiv:1910.00189). Over IID users "bn" reached a lower MAE at the same SSIM (131 against 149 m/s, one seed each).
"""

from torch import Tensor, nn

from .inversionnet import Norm, check_gathers, conv, deconv, head


class MiniInversionNet(nn.Module):
    """(B, 5, 125, 35) normalised gathers to (B, 1, 35, 35) velocities in [-1, 1]: 2.37 M parameters, 14.1 MMAC."""

    input_shape = (5, 125, 35)

    def __init__(self, norm: Norm = "gn") -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            conv(5, 12, norm, (7, 1), (2, 1), (3, 0)),
            conv(12, 24, norm, (5, 1), (2, 1), (2, 0)),
            conv(24, 32, norm, stride=2),
            conv(32, 48, norm, stride=2),
            conv(48, 384, norm, (8, 9), pad=0),
        )
        self.decoder = nn.Sequential(
            deconv(384, 96, norm, 5, pad=0),
            deconv(96, 48, norm),
            deconv(48, 24, norm),
            deconv(24, 16, norm),
        )
        self.head = head(16, norm)

    def forward(self, data_BSTR: Tensor) -> Tensor:
        """Raises InvalidInput for gathers of another survey."""
        check_gathers(data_BSTR, self.input_shape)
        features_BCZX: Tensor = self.decoder(self.encoder(data_BSTR))
        velocity_B1ZX: Tensor = self.head(features_BCZX[:, :, 2:-3, 2:-3])
        return velocity_B1ZX
